"""The port at which a process shows its metrics. Several processes of one machine take one port each, from the same
number upwards, and leave files that lead Prometheus to them (its `file_sd_configs`).

Metrics stop nobody's work: where no port is to be had, the process says so and goes on without.
"""

import json
import os
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from socketserver import TCPServer, ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import structlog
from prometheus_client import CollectorRegistry

from farm.metrics.access import is_open, may_read
from farm.metrics.exposition import expose
from farm.settings import Settings

log = structlog.get_logger(__name__)

#: So many processes of one machine find a port, from `metrics_port` upwards.
PORTS = 100
#: Where the files for Prometheus lie, in the data folder.
TARGETS = "metrics"
_SILENT_SECONDS = 10.0  # for a reader that says nothing
_EVERYWHERE = ("0.0.0.0", "::", "")  # noqa: S104


@contextmanager
def open_port(settings: Settings, registry: CollectorRegistry, role: str) -> Iterator[int | None]:
    """Answer at the first free port from a thread, until the end; the port, or None if there is none."""
    server = _listen(settings, _guarded(settings, registry))
    if server is None:
        yield None
        return
    port = int(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    file = _leave_target(settings, port, role)
    log.info("metrics can be read", port=port)
    try:
        yield port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        if file is not None:
            with suppress(OSError):
                file.unlink()


def _listen(settings: Settings, app: Callable[..., Iterable[bytes]]) -> "_Server | None":
    first, host = settings.metrics_port or 0, settings.metrics_host
    reason = "no port is free"
    for port in range(first, min(first + PORTS, 65_536)):
        try:
            server = (_Server6 if ":" in host else _Server)((host, port), _Request)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            continue
        server.set_app(app)
        return server
    log.warning("metrics cannot be read: no port from FARM_METRICS_PORT on could be opened", reason=reason, port=first)
    return None


def _guarded(settings: Settings, registry: CollectorRegistry) -> Callable[..., Iterable[bytes]]:
    """The metrics, for who may read them."""

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        plain = ("Content-Type", "text/plain")
        if environ["REQUEST_METHOD"] != "GET" or environ["PATH_INFO"] not in ("/", "/metrics"):
            start_response("404 Not Found", [plain])
            return [b"There is nothing here but GET /metrics.\n"]
        if is_open(settings) or may_read(settings, environ.get("HTTP_AUTHORIZATION"), environ.get("REMOTE_ADDR")):
            body, content_type = expose(registry, environ.get("HTTP_ACCEPT", ""))
            start_response("200 OK", [("Content-Type", content_type)])
            return [body]
        start_response("401 Unauthorized", [("WWW-Authenticate", "Bearer"), plain])
        return [b"Send FARM_METRICS_TOKEN as a bearer token, or come from a network of FARM_METRICS_NETWORKS.\n"]

    return app


def _leave_target(settings: Settings, port: int, role: str) -> Path | None:
    """A file by which Prometheus finds this port; whoever takes the port later writes it anew."""
    host = socket.gethostname() if settings.metrics_host in _EVERYWHERE else settings.metrics_host
    target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    file = settings.data_dir / TARGETS / f"{port}.json"
    new = file.with_suffix(f".{os.getpid()}.new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        new.write_text(json.dumps([{"targets": [target], "labels": {"role": role}}]), encoding="utf-8")
        new.replace(file)
    except OSError as error:
        log.warning("no file leads Prometheus to this port", port=port, reason=error.strerror)
        return None
    return file


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    allow_reuse_port = False  # or two processes would share a port, and each answer for the other

    def server_bind(self) -> None:
        TCPServer.server_bind(self)  # without asking DNS for the name of our own address
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()

    def handle_error(self, request: object, client_address: object) -> None:
        """A reader that hangs up is no error."""


class _Server6(_Server):
    address_family = socket.AF_INET6


class _Request(WSGIRequestHandler):
    timeout = _SILENT_SECONDS

    def log_message(self, format: str, *args: object) -> None:
        """A scrape is no news."""
