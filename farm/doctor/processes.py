"""Who is at work: the scheduler and the workers, as the database knows them."""

from collections import Counter
from collections.abc import Iterator

from sqlalchemy import Connection, select

from farm.clock_skew import worker_skews
from farm.database import make_engine, read
from farm.doctor.clocks import clock_finding
from farm.doctor.findings import Finding, Level
from farm.farm_clock import FarmClock
from farm.lifecycle import WorkerStatus
from farm.schema.revisions import WrongRevision, check_revision
from farm.settings import Settings
from farm.tables import Lease, Worker

PART = "processes"
CONNECT_SECONDS = 5
#: The lease of whoever does the supervisor's duties.
SUPERVISOR = "supervisor"


def check(settings: Settings) -> Iterator[Finding]:
    """Look into the database; it is for the check of the database to say what is wrong with that."""
    engine = make_engine(settings, connect_seconds=CONNECT_SECONDS)
    try:
        check_revision(engine)
        now = FarmClock(engine).measure()
        with read(engine) as connection:
            yield _scheduler(connection, now)
            yield _workers(connection, now - settings.worker_gone_seconds)
            yield from _clocks(connection)
    except WrongRevision:
        yield Finding(PART, Level.WARN, "Nobody can be at work yet: the schema is not right.", "farm db upgrade")
    except Exception:
        yield Finding(PART, Level.WARN, "Nobody knows who is at work: the database cannot be used.")
    finally:
        engine.dispose()


def _scheduler(connection: Connection, now: float) -> Finding:
    until = connection.scalar(select(Lease.until).where(Lease.name == SUPERVISOR))
    if until is None or until < now:
        return Finding(PART, Level.WARN, "No scheduler is at work: nothing is healed or promoted.", "farm scheduler")
    return Finding(PART, Level.OK, "A scheduler is at work.")


def _workers(connection: Connection, alive_since: float) -> Finding:
    there = select(Worker.pool).where(Worker.status != WorkerStatus.GONE, Worker.heartbeat_at > alive_since)
    pools = Counter(connection.scalars(there))
    if not pools:
        return Finding(PART, Level.WARN, "No worker is at work.", "farm worker --pool NAME, on a machine with a GPU")
    words = ", ".join(f"{count} of {pool}" for pool, count in sorted(pools.items()))
    return Finding(PART, Level.OK, f"Workers are at work: {words}.")


def _clocks(connection: Connection) -> Iterator[Finding]:
    """Of workers on machines whose clocks are off."""
    for skew in worker_skews(connection):
        if skew.notable:
            yield clock_finding(
                PART, skew.seconds, "the database", f"The clock of {skew.host} (worker {skew.worker_id})"
            )
