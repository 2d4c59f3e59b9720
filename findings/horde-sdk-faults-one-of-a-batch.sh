#!/usr/bin/env bash
# What a worker's session hands back of a job of several pictures (horde-sdk 0.18.0), seen 2026-11-29:
#
#   A worker of an AI Horde that pops with `amount` above 1 gets one job with several ids, each of which it owes an answer:
#   the Horde waits for each until its ttl is over. `AIHordeAPIClientSession` is there to clean up behind a worker that fails
#   between pop and submit. Of a job with three ids it tells the Horde of one: it reads the obsolete field `id` alone, and
#   the other two stay in progress until they are stale, which the Horde counts against the worker. A Horde that sends
#   `ids` without `id`, which the SDK's own model takes, is told of none.
#
# Expected before it was tried: `faulted` for each id. Install, CPU only, a stand-in on 127.0.0.1; exits with 1 if that
# is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "horde-sdk==0.18.0"

cat > "$folder/probe.py" <<'PYTHON'
import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import version

IDS = [f"00000000-0000-4000-8000-00000000000{number}" for number in (1, 2, 3)]
faulted, with_id = [], True


class Horde(BaseHTTPRequestHandler):
    """One job of three pictures, and an ear for what comes back."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path.endswith("/pop"):
            told = {
                "ids": IDS,
                "model": "stable_diffusion",
                "payload": {"prompt": "a red circle", "seed": "7", "width": 512, "height": 512, "ddim_steps": 30, "n_iter": 3},
                "skipped": {},
                "ttl": 150,
            }
            told |= {"id": IDS[0]} if with_id else {}
        else:
            faulted.append((body["id"], body["state"]))
            told = {"reward": 0.0}
        content = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Horde)
threading.Thread(target=server.serve_forever, daemon=True).start()
os.environ["AI_HORDE_URL"] = f"http://127.0.0.1:{server.server_port}/api/"

from loguru import logger  # noqa: E402

logger.remove()
from horde_sdk.ai_horde_api.ai_horde_clients import AIHordeAPIClientSession  # noqa: E402
from horde_sdk.ai_horde_api.apimodels import ImageGenerateJobPopRequest, ImageGenerateJobPopResponse  # noqa: E402


def handed_back():
    """What the Horde hears of a worker that fails after the pop."""
    faulted.clear()
    asked = ImageGenerateJobPopRequest(
        apikey="0" * 22, name="probe", models=["stable_diffusion"], max_pixels=512 * 512, amount=3
    )
    try:
        with AIHordeAPIClientSession() as session:
            popped = session.submit_request(asked, ImageGenerateJobPopResponse)
            assert len(popped.ids) == 3, popped
            raise RuntimeError("the worker fails")
    except RuntimeError:
        pass
    return list(faulted)


print(f"horde-sdk {version('horde-sdk')}, Python {sys.version.split()[0]}")
both = handed_back()
print(f"popped {len(IDS)} with id and ids: {len(both)} handed back: {both}")
with_id = False
alone = handed_back()
print(f"popped {len(IDS)} with ids alone:  {len(alone)} handed back: {alone}")
sys.exit(0 if both == [(IDS[0], "faulted")] and alone == [] else 1)
PYTHON
"$folder/venv/bin/python" -W ignore "$folder/probe.py"
