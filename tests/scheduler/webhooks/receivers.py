"""A receiver of webhooks on this machine: keeps what it was sent, and answers as it is told to."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

#: Given the body, the status to answer; None: not a word until the receiver is closed.
Answering = Callable[[bytes], int | None]


@dataclass
class Receiver:
    """Where it is, and what came: headers and body of each request."""

    url: str
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    closed: threading.Event = field(default_factory=threading.Event)


@contextmanager
def receiving(answer: Answering = lambda body: 204, host: str = "127.0.0.1") -> Iterator[Receiver]:
    """A receiver on a port of its own."""

    class Visit(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.requests.append(({name.lower(): value for name, value in self.headers.items()}, body))
            status = answer(body)
            if status is None:
                receiver.closed.wait()
                return
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", f"{receiver.url}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing on the error output."""

    server = ThreadingHTTPServer((host, 0), Visit)
    server.daemon_threads = True
    receiver = Receiver(f"http://{host}:{server.server_address[1]}/hook")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.closed.set()
        server.shutdown()
        server.server_close()
        thread.join()
