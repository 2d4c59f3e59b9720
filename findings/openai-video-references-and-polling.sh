#!/usr/bin/env bash
# What the package openai 3.57.0 does with two things of clips that its own types and code offer, seen 2026-11-29:
#
#   videos.create(input_reference={"file_id": …}) and {"image_url": …}: both are in the type of that argument
#   (ImageInputReferenceParam). Expected: a form with the field input_reference[file_id]. Seen: RuntimeError before anything
#   is sent, by the synchronous client and by the asynchronous one: the argument is always taken for a file. By
#   extra_body={"input_reference": {"file_id": …}} the field is sent as expected. Programs that passed such an object have met
#   it (calesthio/OpenMontage pull request 603, ArcReel/ArcReel pull request 231) and send files instead.
#   videos.poll: the header openai-poll-after-ms of each answer was expected to say when to ask again. Seen: that of the
#   first answer is kept to the end, whatever later ones say; a first answer without it fixes 1,000 ms.
#
# So a server that takes such references gets them by extra_body alone, and one that says when to ask again has to say at
# once what is right for the whole wait. The script installs the version from the package registry into a folder of its
# own, speaks to a server of its own on this machine, and exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "openai==3.57.0"

cat > "$folder/probe.py" <<'PYTHON'
import asyncio
import json
import sys
import threading
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import openai

warnings.simplefilter("ignore")
VIDEO = {"id": "v", "object": "video", "model": "m", "created_at": 0, "progress": 0, "seconds": "4", "size": "64x64"}
heard: list[bytes] = []
answers: list[tuple[str, str | None]] = []


class Server(BaseHTTPRequestHandler):
    def do_POST(self):
        heard.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.say("queued", None)

    def do_GET(self):
        self.say(*answers.pop(0))

    def say(self, status, poll_after):
        body = json.dumps({**VIDEO, "status": status}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if poll_after is not None:
            self.send_header("openai-poll-after-ms", poll_after)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
options = {"base_url": f"http://127.0.0.1:{server.server_port}/v1", "api_key": "k", "max_retries": 0}
client, patient = openai.OpenAI(**options), openai.AsyncOpenAI(**options)
asked = {"model": "m", "prompt": "p"}


def outcome(call):
    try:
        call()
    except Exception as error:
        return type(error).__name__
    return "sent"


def waits(*said):
    slept = []
    client.videos._sleep = slept.append
    answers[:] = [*(("in_progress", each) for each in said), ("completed", None)]
    client.videos.poll("v")
    return slept


found = {}
for reference in ({"file_id": "file-1"}, {"image_url": "https://example.org/a.png"}):
    [name] = reference
    found[f"sync, {name}"] = outcome(lambda: client.videos.create(**asked, input_reference=reference))
    found[f"async, {name}"] = outcome(lambda: asyncio.run(patient.videos.create(**asked, input_reference=reference)))
found["requests that came"] = len(heard)
found["by extra_body"] = outcome(lambda: client.videos.create(**asked, extra_body={"input_reference": {"file_id": "f"}}))
found["its field"] = b'name="input_reference[file_id]"' in heard[-1]
found["waits, header 50 then 4000"] = waits("50", "4000", "4000")
found["waits, no header then 50"] = waits(None, "50", "50")
print("openai", openai.__version__)
for name, seen in found.items():
    print(f"  {name}: {seen}")
expected = {
    "sync, file_id": "RuntimeError",
    "async, file_id": "RuntimeError",
    "sync, image_url": "RuntimeError",
    "async, image_url": "RuntimeError",
    "requests that came": 0,
    "by extra_body": "sent",
    "its field": True,
    "waits, header 50 then 4000": [0.05, 0.05, 0.05],
    "waits, no header then 50": [1.0, 1.0, 1.0],
}
if found != expected:
    print("different from what was seen:", {name for name in found if found[name] != expected[name]})
sys.exit(found != expected)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
