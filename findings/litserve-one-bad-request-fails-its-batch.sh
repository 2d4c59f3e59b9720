#!/usr/bin/env bash
# What LitServe 0.2.19 answers to the neighbours of one bad request in a batch, seen 2026-11-29:
#
#   With `max_batch_size` above 1 the requests of different users share a batch. Each is still decoded and encoded by
#   itself (`decode_request`, `encode_response`), but in one `try` for all. If `decode_request` refuses one of four with
#   HTTPException(400, "width must be …"), as the documentation has it, all four get that 400 with that sentence, and the
#   model is not called. If `encode_response` fails for one, the other three, whose pictures are rendered and paid for,
#   are answered with its status as well. Alone, or unbatched, each of those requests is answered with 200.
#
# Expected before it was tried: 400 for the one, 200 for the others. So a client that takes a 400 for its own fault, and does
# not ask again, loses pictures to strangers. Checks belong before the queue, or `decode_request` hands errors on as values.
# Install, CPU only, a server on 127.0.0.1; exits with 1 if that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "litserve==0.2.19" "httpx==0.28.1"

cat > "$folder/server.py" <<'PYTHON'
import sys

import litserve
from fastapi import HTTPException


class Renderer(litserve.LitAPI):
    """A stand-in for a model: a picture is its width, and how many were rendered with it."""

    def setup(self, device):
        pass

    def decode_request(self, request):
        if request["width"] % 32:
            raise HTTPException(400, f"width must be a multiple of 32, not {request['width']}")
        return request

    def predict(self, requests):
        return [(request, len(requests)) for request in requests]

    def encode_response(self, output):
        request, batch = output
        if request.get("format") == "bmp":
            raise HTTPException(415, "no pictures as bmp")
        return {"width": request["width"], "batch": batch}


if __name__ == "__main__":
    api = Renderer(max_batch_size=4, batch_timeout=5)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=1)
    server.run(host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False, log_level="error")
PYTHON

cat > "$folder/probe.py" <<'PYTHON'
import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version

import httpx

BAD_WIDTH, BAD_FORMAT = {"width": 511}, {"width": 640, "format": "bmp"}
GOOD = [{"width": 512}, {"width": 768}, {"width": 1024}]
with socket.socket() as listener:
    listener.bind(("127.0.0.1", 0))
    port = listener.getsockname()[1]
url = f"http://127.0.0.1:{port}"


def answered():
    try:
        return httpx.get(f"{url}/health").status_code == 200
    except httpx.TransportError:
        return False


def ask(requests):
    """Status, and text or size of the batch, of requests that are sent at once."""
    with httpx.Client(timeout=60) as client, ThreadPoolExecutor(len(requests)) as pool:
        answers = list(pool.map(lambda request: client.post(f"{url}/predict", json=request), requests))
    told = [answer.json() for answer in answers]
    return [(answer.status_code, body.get("detail", body.get("batch"))) for answer, body in zip(answers, told)]


print(f"litserve {version('litserve')}, Python {sys.version.split()[0]}", flush=True)
server = subprocess.Popen([sys.executable, sys.argv[1], str(port)], start_new_session=True, stderr=subprocess.DEVNULL)
try:
    for _ in range(240):
        if answered():
            break
        time.sleep(0.5)
    found = {
        "each alone": [ask([request])[0] for request in [BAD_WIDTH, BAD_FORMAT, GOOD[0]]],
        "four good": ask([{"width": 256}, *GOOD]),
        "a bad width and three good": ask([BAD_WIDTH, *GOOD]),
        "a bad format and three good": ask([BAD_FORMAT, *GOOD]),
    }
finally:
    os.killpg(server.pid, signal.SIGTERM)
    server.wait(30)
for name, seen in found.items():
    print(f"  {name}: {seen}")
width, form = (400, "width must be a multiple of 32, not 511"), (415, "no pictures as bmp")
expected = {
    "each alone": [width, form, (200, 1)],
    "four good": [(200, 4)] * 4,
    "a bad width and three good": [width] * 4,
    "a bad format and three good": [form] * 4,
}
sys.exit(found != expected)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py" "$folder/server.py"
