"""A farm that misbehaves on demand: a real HTTP server on loopback that answers what a test tells it to.

It exists for what a healthy dashboard cannot be brought to do: to accept a job and hang up before it says so, to cut
a stream in the middle of a word, to hand out rotten files. What a client does with a healthy farm is tested against
the dashboard itself.
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

KEY = "lf_scripted"
HANG_UP = "hang up"


@dataclass
class Heard:
    """A request as it came."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: Any


@dataclass
class Said:
    """An answer: JSON by default, or bytes, or the chunks of a stream after which the connection is closed."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    chunks: list[bytes] | None = None


Script = Callable[[Heard], Said | str]


@dataclass
class ScriptedFarm:
    """`answers` maps 'METHOD /path' to what is said, call after call; the last answer stays."""

    url: str = ""
    heard: list[Heard] = field(default_factory=list)
    answers: dict[str, list[Said | str | Script]] = field(default_factory=dict)

    def on(self, route: str, *answers: Said | str | Script) -> None:
        self.answers[route] = list(answers)

    def requests(self, route: str) -> list[Heard]:
        return [heard for heard in self.heard if f"{heard.method} {heard.path}" == route]

    def answer(self, heard: Heard) -> Said | str:
        self.heard.append(heard)
        told = self.answers.get(f"{heard.method} {heard.path}")
        if not told:
            return Said({"title": "Not found", "detail": f"nothing at {heard.path}"}, 404)
        answer = told.pop(0) if len(told) > 1 else told[0]
        return answer(heard) if callable(answer) else answer


def file_of(content: bytes, *, only_first: int | None = None) -> Script:
    """A file as object storages serve it, with ranges; `only_first` bytes are sent before the line goes dead."""

    def serve(heard: Heard) -> Said:
        given = heard.headers.get("range", "")
        start = int(given.removeprefix("bytes=").rstrip("-")) if given else 0
        part = content[start:]
        headers = {"Content-Length": str(len(part))}
        chunks = [part if only_first is None else part[:only_first]]
        return Said(None, 206 if given else 200, headers, "application/octet-stream", chunks)

    return serve


def a_job(job_id: str = "j1", **changes: Any) -> dict[str, Any]:
    counts = {"total": 1, "done": 0, "failed": 0, "cancelled": 0, "expired": 0, "pending": 1, "running": 0}
    return {
        "id": job_id,
        "model": "sana-demo",
        "title": "a red circle",
        "class": "normal",
        "status": "open",
        "version": 1,
        **counts,
        "created_at": "2026-11-23T15:00:00.123Z",
        "finished_at": None,
        "request": {},
        "links": {"self": f"/api/v1/jobs/{job_id}", "page": f"/jobs/{job_id}"},
        **changes,
    }


def done_job(job_id: str = "j1") -> dict[str, Any]:
    return a_job(job_id, status="done", version=9, done=1, pending=0, finished_at="2026-11-23T15:00:09Z")


def a_render(url: str, content: bytes, *, index: int = 0, render_id: str = "", **changes: Any) -> dict[str, Any]:
    output = {
        "kind": "output",
        "content_type": "image/png",
        "size": len(content),
        "sha256": sha256(content).hexdigest(),
        "url": url,
    }
    return {
        "id": render_id or f"0198-{index:08d}",
        "job_id": "j1",
        "index": index,
        "status": "done",
        "parameters": {"prompt": "a red circle", "seed": 1},
        "artifacts": [output],
        **changes,
    }


@contextmanager
def scripted_farm() -> Iterator[ScriptedFarm]:
    """Runs until the test is over."""
    farm = ScriptedFarm()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def do_PATCH(self) -> None:
            self._serve()

        def _serve(self) -> None:
            address = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            heard = Heard(self.command, address.path, address.query, headers, json.loads(body) if body else None)
            said = farm.answer(heard)
            self.close_connection = True
            if isinstance(said, str):
                return  # hangs up: the client sees the connection end without an answer
            self.send_response(said.status)
            payload = json.dumps(said.body).encode() if said.chunks is None else None
            headers = {"Content-Type": said.content_type, "Connection": "close", **said.headers}
            if payload is not None:
                headers["Content-Length"] = str(len(payload))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            for chunk in [payload] if payload is not None else said.chunks or []:
                self.wfile.write(chunk)
                self.wfile.flush()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    farm.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield farm
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
