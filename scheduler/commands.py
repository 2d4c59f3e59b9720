"""The scheduler's commands under `farm`."""

import signal
import threading
from types import FrameType

import structlog
import typer
from sqlalchemy.exc import OperationalError

from farm.connections import Connections
from farm.database import trouble
from farm.logs import configure_logging, identify
from farm.metrics.process_metrics import OF_SCHEDULERS
from farm.schema.revisions import check_revision
from farm.serve_metrics import readable
from scheduler.fleet.catalog_sync import sync_catalog
from scheduler.maintenance.supervisor import Supervisor

log = structlog.get_logger(__name__)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("scheduler")(scheduler)


def scheduler() -> None:
    """Supervise the farm until told to stop: take back lost work, ring again, retire lost workers.

    Run as many as you like, on any machines: one acts, the others stand by.
    """
    with Connections.open() as connections:
        configure_logging(connections.settings)
        identify(role="scheduler")
        stop = _stop_by_signal()
        _prepare(connections, stop)
        with readable(connections, "scheduler", OF_SCHEDULERS):
            log.info("scheduler started")
            Supervisor(connections).run(stop)
        log.info("scheduler stopped")


def _prepare(connections: Connections, stop: threading.Event) -> None:
    """Lanes and pools of the catalog in SQL; a database that is not there yet is waited for."""
    told = False
    while not stop.is_set():
        try:
            check_revision(connections.engine)
            sync_catalog(connections.engine, connections.catalog, connections.clock())
            return
        except OperationalError as error:
            if not told:
                log.warning("database cannot be used; waiting for it", reason=trouble(error))
            told = True
            stop.wait(connections.settings.supervise_seconds)


def _stop_by_signal() -> threading.Event:
    """An event that SIGTERM and SIGINT set; a round that is under way ends first."""
    stop = threading.Event()

    def ask(signum: int, _: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, ask)
    signal.signal(signal.SIGINT, ask)
    return stop
