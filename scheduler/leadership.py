"""One acts, any number may run: a row of `leases` says whose turn it is, and until when."""

from sqlalchemy import Engine, delete, or_, update

from farm.database import write
from farm.tables import Lease
from scheduler.inserts import insert_or_ignore


class Leadership:
    """A claim to one lease by one holder.

    Machines compare the lease with their own clocks, so two may act for as long as their clocks differ.
    Whatever is done under a lease must be right even then: the lease saves work, it guards nothing.
    """

    def __init__(self, engine: Engine, name: str, holder: str, seconds: float) -> None:
        """`holder` is unique to the process; the lease lasts `seconds` from each :meth:`take`."""
        self._engine = engine
        self._name = name
        self._holder = holder
        self._seconds = seconds

    def take(self, now: float) -> bool:
        """Take the lease if nobody holds it, or extend it; says whether it is held now."""
        until = now + self._seconds
        free = or_(Lease.holder == self._holder, Lease.until <= now)
        with write(self._engine) as connection:
            taken = connection.execute(
                update(Lease).where(Lease.name == self._name, free).values(holder=self._holder, until=until)
            )
            if taken.rowcount == 1:
                return True
            row = {"name": self._name, "holder": self._holder, "until": until}
            made = insert_or_ignore(connection, Lease).values(row).returning(Lease.name)
            return connection.scalar(made) is not None

    def release(self) -> None:
        """Give the lease up, if it is held, so that the next may act at once."""
        with write(self._engine) as connection:
            connection.execute(delete(Lease).where(Lease.name == self._name, Lease.holder == self._holder))
