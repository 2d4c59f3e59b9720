"""One acts, any number may run: a row of `leases` says whose turn it is, and until when."""

from typing import Any

from sqlalchemy import ColumnElement, Engine, Update, and_, delete, or_, select, update

from farm.database import write
from farm.tables import Lease
from scheduler.dialects import insert_or_ignore
from scheduler.maintenance.missed_heartbeats import SilenceTimer


class Leadership:
    """A claim to one lease by one holder.

    A lease that its holder has not touched for its whole length, as seen by who wants it, is over whatever its time
    says: the clock may have been set back. When a clock jumps two may act for a round. Whatever is done under a lease
    must be right even then: the lease saves work, it guards nothing.
    """

    def __init__(self, engine: Engine, name: str, holder: str, seconds: float) -> None:
        """`holder` is unique to the process; the lease lasts `seconds` from each :meth:`take`."""
        self._engine = engine
        self._name = name
        self._holder = holder
        self._seconds = seconds
        self._failures = SilenceTimer[tuple[str, float]]()

    def take(self, now: float, at: float) -> bool:
        """Take the lease if nobody holds it, or extend it; says whether it is held now. `at`: by a steady clock."""
        until = now + self._seconds
        free = or_(Lease.holder == self._holder, Lease.until <= now)
        mine = {"holder": self._holder, "until": until}
        this = Lease.name == self._name
        with write(self._engine) as connection:
            if connection.execute(_take(and_(this, free), mine)).rowcount == 1:
                return True
            held = connection.execute(select(Lease.holder, Lease.until).where(this)).one_or_none()
            if held is None:
                row = {"name": self._name} | mine
                made = insert_or_ignore(connection, Lease).values(row).returning(Lease.name)
                return connection.scalar(made) is not None
            seen = (held.holder, held.until)
            if not self._failures.look([seen], silent_seconds=self._seconds, at=at):
                return False
            as_seen = and_(this, Lease.holder == held.holder, Lease.until == held.until)
            return connection.execute(_take(as_seen, mine)).rowcount == 1

    def release(self) -> None:
        """Give the lease up, if it is held, so that the next may act at once."""
        with write(self._engine) as connection:
            connection.execute(delete(Lease).where(Lease.name == self._name, Lease.holder == self._holder))


def _take(lease: ColumnElement[bool], values: dict[str, Any]) -> Update:
    """One statement that waits for nobody: who holds the row's lock may be lost, and would hold up all who ask."""
    row = select(Lease.name).where(lease).with_for_update(skip_locked=True)
    return update(Lease).where(Lease.name.in_(row)).values(values)
