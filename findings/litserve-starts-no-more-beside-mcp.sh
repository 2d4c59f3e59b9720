#!/usr/bin/env bash
# LitServe 0.2.19 beside the package mcp (2.3.0 here), seen 2026-11-30: a server that ran starts no more once somebody installs the
# Model Context Protocol's SDK into the same environment, whether it uses MCP or not. `run` raises NameError: name 'MCPServer' is not
# defined, since litserve/server.py asks whether 'mcp' is installed and litserve/mcp.py imports what it needs only if 'fastmcp' is. With
# both, or with neither, the server starts.
#
# It matters to whoever serves a diffusion pipeline with LitServe from an environment that something else (a farm's MCP
# tools, an agent) shares. Expected before it was tried: an extra that is not used changes nothing.
#
# Install, no torch; exits with 1 if it starts beside mcp, or does not start without.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    "litserve==0.2.19" "fastapi==0.165.0" "starlette==1.10.0" "uvicorn==0.54.0" "pyzmq==27.3.0"

cat > "$folder/serve.py" <<'PYTHON'
import os
import socket
import threading
import time

import litserve


class Twice(litserve.LitAPI):
    def setup(self, device):
        pass

    def decode_request(self, request):
        return request["number"]

    def predict(self, number):
        return 2 * number

    def encode_response(self, output):
        return {"number": output}


def end_when_it_listens(port):
    while True:
        time.sleep(0.2)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                print("it listens", flush=True)
                os.killpg(0, 9)


if __name__ == "__main__":
    os.setpgid(0, 0)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    threading.Thread(target=end_when_it_listens, args=(port,), daemon=True).start()
    try:
        litserve.LitServer(Twice(), accelerator="cpu").run(
            host="127.0.0.1", port=port, num_api_servers=1, generate_client_file=False, log_level="error"
        )
    except NameError as error:
        print(f"NameError: {error}", flush=True)
        os.killpg(0, 9)
PYTHON

run() { (cd "$folder" && timeout 120 "$folder/venv/bin/python" serve.py 2>/dev/null | tail -1) || true; }

alone="$(run)"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps "mcp==2.3.0"
beside="$(run)"
echo "litserve alone: $alone"
echo "beside mcp: $beside"
[[ "$alone" == "it listens" && "$beside" == "NameError: name 'MCPServer' is not defined" ]]
