"""The web server: gunicorn with a few processes of greenlets, so that open live pages cost no threads.

What people see is the same in each process: sessions are signed with one key, and all else is in SQL and in Redis.

Run by `python -m dashboard`, which makes the standard library cooperative first.
"""

import argparse
import gc
import logging
import os
import secrets
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import structlog
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger
from pydantic import SecretStr

from dashboard.app import create_app
from dashboard.http import request_metrics
from dashboard.serving.compute_threads import computing, hashing
from dashboard.serving.slow_clients import drop_deaf, patient
from dashboard.serving.sqlite_threads import use_threads
from dashboard.serving.unreadable_requests import ProblemWorker
from farm.connections import Connections
from farm.logs import configure_logging, identify
from farm.settings import Settings, load_settings

log = structlog.get_logger(__name__)

#: Open live pages would hold a stop for as long as they are open; browsers connect again by themselves.
GRACE_SECONDS = 2
#: How often it looks for the file that it waits for.
LOOK_SECONDS = 0.05
CONNECTIONS = 1000  # of each process
#: So long a connection is kept for the next request, whose head has as long to come. A request that is on its way when
#: it is closed is lost, so the client has to be the first to let go: httpx does after 5 s, aiohttp after 15, proxies
#: after 60 (ingress-nginx, AWS); and programs ask every two seconds, which is as long as gunicorn would keep it.
KEEP_ALIVE_SECONDS = 75
#: More than these help only farms whose operator says so: each takes memory.
MOST_PROCESSES = 4


def main(arguments: list[str] | None = None) -> None:
    """Serve until a signal comes."""
    settings = _with_key(load_settings())
    parser = argparse.ArgumentParser(prog="farm dashboard")
    parser.add_argument("--host", default=settings.dashboard_host)
    parser.add_argument("--port", type=int, default=settings.dashboard_port)
    parser.add_argument("--after", type=Path, help="a file; listen once it is there, and import meanwhile")
    place = parser.parse_args(arguments)
    configure_logging(settings)
    identify(role="dashboard")
    _Server(settings, f"{place.host}:{place.port}", place.after).run()


def _with_key(settings: Settings) -> Settings:
    """A session that one process signed must be good for the others too."""
    if settings.secret_key is not None:
        return settings
    log.warning("FARM_SECRET_KEY is not set: all sessions end when this dashboard does")
    return settings.model_copy(update={"secret_key": SecretStr(secrets.token_urlsafe(32))})


class _Logger(Logger):  # type: ignore[misc]  # gunicorn ships no types
    """Gunicorn's own lines, written as all other lines of the farm are."""

    def setup(self, cfg: Any) -> None:
        self.cfg = cfg
        for log in (self.error_log, self.access_log):
            log.handlers.clear()
            log.propagate = True
        # Of its life it says more than people want to know.
        self.error_log.setLevel(logging.WARNING)


class _Server(BaseApplication):  # type: ignore[misc]
    def __init__(self, settings: Settings, bind: str, after: Path | None = None) -> None:
        self._settings = settings
        self._after = after
        self._bind = bind
        super().__init__()

    def load_config(self) -> None:
        options = {
            "bind": self._bind,
            "workers": self._settings.dashboard_processes or min(usable_cores(), MOST_PROCESSES),
            "worker_class": ProblemWorker,
            "worker_connections": CONNECTIONS,
            "graceful_timeout": GRACE_SECONDS,
            "timeout": 60,
            "keepalive": KEEP_ALIVE_SECONDS,
            "limit_request_line": 8190,  # filters of a list may be many
            "preload_app": True,  # processes share the memory of what is made once
            "when_ready": _when_ready,
            "on_exit": lambda server: request_metrics.forget(),
            "logger_class": _Logger,
            "control_socket_disable": True,
            "proc_name": "farm-dashboard",
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """The application, made before the processes are: nothing is contacted and no thread started until they are."""
        connections = replace(Connections.open(self._settings), cpu_work=computing())
        use_threads(connections.engine)
        app = patient(create_app(connections, passwords=hashing()))
        while self._after is not None and not self._after.exists():
            time.sleep(LOOK_SECONDS)
        return app


def usable_cores() -> int:
    """Those that this process may run on, at least one."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _when_ready(server: Any) -> None:
    drop_deaf(listener.sock for listener in server.LISTENERS)
    gc.collect()
    gc.freeze()  # a collector that walks over shared memory would copy it into each process
