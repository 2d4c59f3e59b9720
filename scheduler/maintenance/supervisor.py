"""The supervisor: a loop that heals what others left behind. Any number may run; one acts, by a lease in SQL.

Each duty is a module with `one_pass(connections, now)`, which may be called alone. A duty that raises is
logged and tried again in the next round; a database that is away is waited for. It needs no Redis.
"""

import os
import socket
import threading
from collections.abc import Sequence
from typing import Protocol

import structlog
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from farm.connections import Connections
from farm.database import trouble
from farm.ids import new_id
from scheduler.autoscale import autoscaler
from scheduler.maintenance import (
    apply_retention,
    expire_drafts,
    expire_jobs,
    fold_charges,
    learn_estimates,
    pick_best_of,
    quarantine_workers,
    read_streams,
    reap_leases,
    release_held,
    remove_checkpoints,
    remove_orphans,
    remove_uploads,
    repair_state,
    retire_workers,
    ring_pools,
)
from scheduler.maintenance.leader_lease import Leadership

log = structlog.get_logger(__name__)

LEASE = "supervisor"
#: The lease outlives this many rounds, and at least so many seconds: a slow round must not lose it.
LEASE_ROUNDS = 5
SHORTEST_LEASE_SECONDS = 5.0


class Duty(Protocol):
    """Something to be done again and again; right also when two supervisors do it at the same time.

    It is done in every round, or, if it has a constant EVERY_SECONDS, no sooner than so long after the last time.
    """

    __name__: str

    def one_pass(self, connections: Connections, now: float) -> int:
        """Do it once; returns how many things were changed."""
        ...


#: In this order: what was reaped is rung for in the same round.
DUTIES: Sequence[Duty] = (
    retire_workers,
    reap_leases,
    expire_jobs,
    release_held,
    read_streams,
    ring_pools,
    fold_charges,
    learn_estimates,
    autoscaler,
    repair_state,
    quarantine_workers,
    apply_retention,
    pick_best_of,
    remove_checkpoints,
    expire_drafts,
    remove_uploads,
    remove_orphans,
)


class Supervisor:
    """Does the duties every `supervise_seconds` while it holds the lease, until `stop` is set."""

    def __init__(self, connections: Connections, duties: Sequence[Duty] = DUTIES) -> None:
        self._connections = connections
        self._duties = duties
        seconds = max(SHORTEST_LEASE_SECONDS, LEASE_ROUNDS * connections.settings.supervise_seconds)
        holder = f"{socket.gethostname()[:40]}:{os.getpid()}:{new_id()[-12:]}"
        self._leadership = Leadership(connections.engine, LEASE, holder, seconds)
        self._due: dict[str, float] = {}  # of the duties that wait, when they are done again
        self.acts = False  #: whether this supervisor held the lease in its last round
        self._away = False

    def run(self, stop: threading.Event) -> None:
        """Round after round until `stop`; then the lease is released, so that another may act at once."""
        while not stop.is_set():
            self.one_round()
            stop.wait(self._connections.settings.supervise_seconds)
        self._release()

    def one_round(self) -> None:
        """Take or extend the lease, and do each duty once while it is held."""
        for number, duty in enumerate(self._duties):
            if not self._take(measure=number == 0):
                return
            if not self._is_due(duty, self._connections.steady()):
                continue
            try:
                changes = duty.one_pass(self._connections, self._connections.clock())
            except OperationalError as error:
                # A deadlock, a lock that was not had, or the database is away: the next duty asks it again.
                log.warning("duty put off", duty=_name(duty), reason=trouble(error))
            except Exception:
                # Whatever a duty raises, the others go on, and so does this one in the next round.
                log.exception("duty failed", duty=_name(duty))
            else:
                if changes:
                    log.info("duty done", duty=_name(duty), changes=changes)

    def _is_due(self, duty: Duty, now: float) -> bool:
        """Whether its time has come, by the steady clock; what waits between its passes waits before the first, too."""
        every: float = getattr(duty, "EVERY_SECONDS", 0.0)
        if every and self._due.setdefault(_name(duty), now + every) > now:
            return False
        self._due[_name(duty)] = now + every
        return True

    def _take(self, *, measure: bool) -> bool:
        """Take or extend the lease; `measure`: by the database's clock as it is now."""
        connections = self._connections
        try:
            now = connections.measured_time() if measure else connections.clock()
            held = self._leadership.take(now, connections.steady())
        except SQLAlchemyError as error:
            self._lost_database(error)
            return False
        if self._away:
            self._away = False
            log.info("database is back")
        if held != self.acts:
            log.info("supervisor acts" if held else "supervisor waits: another one acts")
        self.acts = held
        return held

    def _lost_database(self, error: SQLAlchemyError) -> None:
        self.acts = False
        if not self._away:
            self._away = True
            log.warning("database lost; trying again every round", reason=trouble(error))

    def _release(self) -> None:
        try:
            self._leadership.release()
        except SQLAlchemyError as error:
            self._lost_database(error)  # the lease runs out by itself


def _name(duty: Duty) -> str:
    return duty.__name__.rpartition(".")[2]
