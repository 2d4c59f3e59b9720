"""The web server: gunicorn with one process of greenlets, so that open live pages cost no threads.

Run by `python -m dashboard`, which makes the standard library cooperative first.
"""

import argparse
import logging
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger

from dashboard.app import create_app
from dashboard.sqlite_threads import use_threads
from farm.connections import Connections
from farm.logs import configure_logging
from farm.settings import Settings, load_settings

#: Open live pages would hold a stop for as long as they are open; browsers connect again by themselves.
GRACE_SECONDS = 2
CONNECTIONS = 1000


def main(arguments: list[str] | None = None) -> None:
    """Serve until a signal comes."""
    settings = load_settings()
    parser = argparse.ArgumentParser(prog="farm dashboard")
    parser.add_argument("--host", default=settings.dashboard_host)
    parser.add_argument("--port", type=int, default=settings.dashboard_port)
    place = parser.parse_args(arguments)
    configure_logging(settings)
    _Server(settings, f"{place.host}:{place.port}").run()


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
    def __init__(self, settings: Settings, bind: str) -> None:
        self._settings = settings
        self._bind = bind
        super().__init__()

    def load_config(self) -> None:
        options = {
            "bind": self._bind,
            "workers": 1,
            "worker_class": "gevent",
            "worker_connections": CONNECTIONS,
            "graceful_timeout": GRACE_SECONDS,
            "timeout": 60,
            "logger_class": _Logger,
            "control_socket_disable": True,
            "proc_name": "farm-dashboard",
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        connections = Connections.open(self._settings)
        use_threads(connections.engine)
        return create_app(connections)
