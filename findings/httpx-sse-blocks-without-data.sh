#!/usr/bin/env bash
# What the package httpx-sse 0.4.3 makes of blocks of a stream that hold no data, seen 2026-11-29.
#
# Expected, by the rules for server-sent events (WHATWG HTML 9.2.6, 'dispatch the event': "If the data buffer is an empty
# string, set the data buffer and the event type buffer to the empty string and return"): `retry:` alone in a block, a
# comment, and an id alone are no events. Seen: each `retry:` block is an event 'message' with the data ''; so is, once
# any id has come, every comment that an empty line follows, which is how most servers write their signs of life. A
# program that reads each event as JSON (`event.json()`) stops at the first of them with JSONDecodeError. sseclient-py
# 1.9.0 gives none of these events.
#
# So a server that wants to be read by it writes `retry:` into the block of its first event, and no empty line behind a
# comment: of such a stream both packages give the events alone. The script installs both versions from the package
# registry into a folder of its own, reads bytes of its own making, and exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "httpx-sse==0.4.3" "sseclient-py==1.9.0" "httpx==0.28.1"

cat > "$folder/probe.py" <<'PYTHON'
import json
import sys
from importlib.metadata import version

import httpx
import sseclient
from httpx_sse import EventSource

EVENT = b"event: job\nid: 1\ndata: {}\n\n"
STREAMS = {
    "retry alone, then an event": b"retry: 2000\n\n" + EVENT,
    "a comment with an empty line, before any id": b": keepalive\n\n" + EVENT,
    "a comment with an empty line, behind an id": EVENT + b": keepalive\n\n",
    "an id alone": EVENT + b"id: 2\n\n",
    "retry in the block of the event, a comment alone": b"retry: 2000\n" + EVENT + b": keepalive\n",
}


def by_httpx_sse(content):
    response = httpx.Response(
        200,
        headers={"Content-Type": "text/event-stream"},
        stream=httpx.ByteStream(content),
        request=httpx.Request("GET", "http://farm.example/live"),
    )
    return [(event.event, event.data) for event in EventSource(response).iter_sse()]


def by_sseclient(content):
    return [(event.event, event.data) for event in sseclient.SSEClient([content]).events()]


JOB, EMPTY = ("job", "{}"), ("message", "")
expected = {
    "retry alone, then an event": ([EMPTY, JOB], [JOB]),
    "a comment with an empty line, before any id": ([JOB], [JOB]),
    "a comment with an empty line, behind an id": ([JOB, EMPTY], [JOB]),
    "an id alone": ([JOB, EMPTY], [JOB]),
    "retry in the block of the event, a comment alone": ([JOB], [JOB]),
}
found = {name: (by_httpx_sse(content), by_sseclient(content)) for name, content in STREAMS.items()}
print("httpx-sse", version("httpx-sse"), "and sseclient-py", version("sseclient-py"))
for name, (ours, theirs) in found.items():
    print(f"  {name}: httpx-sse {ours}, sseclient-py {theirs}")
try:
    json.loads(EMPTY[1])
except json.JSONDecodeError as error:
    print(f"  such an event read as JSON: {type(error).__name__}")
different = {name for name in STREAMS if found[name] != expected[name]}
if different:
    print("different from what was seen:", different)
sys.exit(bool(different))
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
