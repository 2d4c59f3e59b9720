"""By how much the machines' own clocks are off. The farm does not go by them; TLS and weights from a bucket do."""

from dataclasses import dataclass

from sqlalchemy import Connection, select

from farm.clock_words import NOTABLE_SECONDS, clock_words
from farm.connections import Connections
from farm.database import read
from farm.lifecycle import WorkerStatus
from farm.tables import Worker

#: S3 refuses what was signed by a clock that is off by more (RequestTimeTooSkewed): here, weights from a bucket.
REFUSED_SECONDS = 900.0


@dataclass(frozen=True)
class ClockSkew:
    """A machine's own clock against the database's, in seconds: positive is ahead, negative behind."""

    host: str | None  # None: this machine
    seconds: float
    worker_id: str | None = None

    @property
    def words(self) -> str:
        """'3.2 s ahead', '61 min behind'; '' for a clock that is right, as far as anybody would notice."""
        return clock_words(self.seconds)

    @property
    def notable(self) -> bool:
        """Whether somebody should set this clock."""
        return abs(self.seconds) > NOTABLE_SECONDS

    @property
    def refused(self) -> bool:
        """Whether S3 refuses what this machine asks of it by its own clock."""
        return abs(self.seconds) > REFUSED_SECONDS


def clock_skews(connections: Connections) -> list[ClockSkew]:
    """This machine's skew, measured now, then each worker's that is there, as its last heartbeat said; by host.

    Two statements. Raises SQLAlchemyError when the database does not answer.
    """
    connections.measured_time()
    here = connections.clock_skew
    with read(connections.engine) as connection:
        return [ClockSkew(None, here or 0.0), *worker_skews(connection)]


def worker_skews(connection: Connection) -> list[ClockSkew]:
    """Of each worker that is there, as its last heartbeat said; by host. One statement."""
    rows = connection.execute(
        select(Worker.host, Worker.clock_skew, Worker.id)
        .where(Worker.status != WorkerStatus.GONE.value, Worker.clock_skew.is_not(None))
        .order_by(Worker.host, Worker.id)
    )
    return [ClockSkew(row.host, row.clock_skew, row.id) for row in rows]
