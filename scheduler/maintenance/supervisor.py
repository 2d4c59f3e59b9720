"""The supervisor: a loop that heals what others left behind. Any number may run; one acts, by a lease in SQL.

Each duty is a module beside this one; its pass may be called alone. A duty that raises is
logged and tried again in the next round; a database that is away is waited for. It needs no Redis.
"""

import os
import socket
import threading
import time
from collections.abc import Sequence

import structlog
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from farm.connections import Connections
from farm.database import trouble
from farm.ids import new_id
from farm.metrics.process_metrics import DUTY_CHANGES, DUTY_FAILURES, DUTY_SECONDS, SUPERVISOR_ACTS
from scheduler.autoscale.autoscaler import Autoscaler
from scheduler.leases import abandoned_transactions
from scheduler.maintenance import (
    end_marked_jobs,
    expire_drafts,
    expire_jobs,
    fold_charges,
    learn_estimates,
    pick_best_of,
    quarantine_workers,
    read_streams,
    record_samples,
    release_held,
    repair_state,
)
from scheduler.maintenance import replace_lost_rings as replace_lost_rings
from scheduler.maintenance.duty import Duty
from scheduler.maintenance.idle_farm import is_idle
from scheduler.maintenance.leader_lease import Leadership
from scheduler.maintenance.mark_dead_workers import MarkDeadWorkers
from scheduler.maintenance.old_files import remove_checkpoints, remove_old_jobs, remove_orphans, remove_uploads
from scheduler.maintenance.old_files.remove_uploads import RemoveUploads
from scheduler.maintenance.reap_leases import ReapLeases
from scheduler.maintenance.repair_state import RepairState
from scheduler.webhooks.deliver_webhooks import DeliverWebhooks

log = structlog.get_logger(__name__)

LEASE = "supervisor"
#: The lease outlives this many rounds, and at least so many seconds: a slow round must not lose it.
LEASE_ROUNDS = 5
SHORTEST_LEASE_SECONDS = 5.0
#: After a round that took longer than rounds are apart.
SHORTEST_PAUSE_SECONDS = 0.1
#: A farm at which nothing was under way for so long is idle. Then the duties that look after work are done this
#: often, and this often those that look after workers, who are never idle.
IDLE_AFTER_SECONDS = 30.0
IDLE_INTERVAL_SECONDS = 60.0
LOOKING_SECONDS = 8.0


def new_duties() -> list[Duty]:
    """All duties, in this order: what was reaped is rung for in the same round. Each supervisor has its own."""
    return [
        # The lost one may be the supervisor that acts, and what it has locked the lease.
        Duty(
            "abandoned_transactions",
            abandoned_transactions.one_pass,
            abandoned_transactions.EVERY_SECONDS,
            everybody=True,
        ),
        Duty("mark_dead_workers", MarkDeadWorkers().one_pass, idle_interval=LOOKING_SECONDS),
        Duty("reap_leases", ReapLeases().one_pass, idle_interval=IDLE_INTERVAL_SECONDS),
        Duty("expire_jobs", expire_jobs.one_pass, idle_interval=IDLE_INTERVAL_SECONDS),
        Duty("end_marked_jobs", end_marked_jobs.one_pass, idle_interval=IDLE_INTERVAL_SECONDS),
        Duty("release_held", release_held.one_pass, idle_interval=IDLE_INTERVAL_SECONDS),
        Duty("read_streams", read_streams.one_pass, idle_interval=IDLE_INTERVAL_SECONDS),
        Duty("replace_lost_rings", replace_lost_rings.one_pass, idle_interval=IDLE_INTERVAL_SECONDS),
        Duty("deliver_webhooks", DeliverWebhooks().one_pass, idle_interval=IDLE_INTERVAL_SECONDS),
        Duty("fold_charges", fold_charges.one_pass, fold_charges.EVERY_SECONDS),
        Duty("learn_estimates", learn_estimates.one_pass, idle_interval=IDLE_INTERVAL_SECONDS),
        Duty("autoscaler", Autoscaler().one_pass, idle_interval=LOOKING_SECONDS),
        Duty("record_samples", record_samples.one_pass, record_samples.EVERY_SECONDS),
        Duty("repair_state", RepairState().one_pass, repair_state.EVERY_SECONDS),
        Duty("quarantine_workers", quarantine_workers.one_pass, quarantine_workers.EVERY_SECONDS),
        Duty("remove_old_jobs", remove_old_jobs.one_pass, remove_old_jobs.EVERY_SECONDS),
        Duty("pick_best_of", pick_best_of.one_pass, pick_best_of.EVERY_SECONDS),
        Duty("remove_checkpoints", remove_checkpoints.one_pass, remove_checkpoints.EVERY_SECONDS),
        Duty("expire_drafts", expire_drafts.one_pass, expire_drafts.EVERY_SECONDS),
        Duty("remove_uploads", RemoveUploads().one_pass, remove_uploads.EVERY_SECONDS),
        Duty("remove_orphans", remove_orphans.one_pass, remove_orphans.EVERY_SECONDS),
    ]


class Supervisor:
    """Does the duties every `supervise_seconds` while it holds the lease, until `stop` is set."""

    def __init__(self, connections: Connections, duties: Sequence[Duty] | None = None) -> None:
        self._connections = connections
        self._duties = new_duties() if duties is None else duties
        seconds = max(SHORTEST_LEASE_SECONDS, LEASE_ROUNDS * connections.settings.supervise_seconds)
        holder = f"{socket.gethostname()[:40]}:{os.getpid()}:{new_id()[-12:]}"
        self._leadership = Leadership(connections.engine, LEASE, holder, seconds)
        self._extend_after = seconds / LEASE_ROUNDS
        self._taken_at = float("-inf")  # by the steady clock: when the lease was last taken or extended
        self._done_at: dict[str, float] = {}  # by the steady clock, by duty
        self._busy_at = connections.steady()  # when something was under way, or nobody knew
        self.acts = False  #: whether this supervisor held the lease in its last round
        self._away = False

    def run(self, stop: threading.Event) -> None:
        """Round after round until `stop`; then the lease is released, so that another may act at once."""
        steady, seconds = self._connections.steady, self._connections.settings.supervise_seconds
        while not stop.is_set():
            began = steady()
            self.one_round()
            stop.wait(max(SHORTEST_PAUSE_SECONDS, seconds - (steady() - began)))
        self._release()

    def one_round(self) -> None:
        """Take or extend the lease, and do each duty once while it is held."""
        self._do_all()
        self._connections.metrics.put(SUPERVISOR_ACTS, self.acts)

    def _do_all(self) -> None:
        if not self._take(measure=True):
            self._busy_at = self._connections.steady()
            if not self._away:
                self._wait()
            return
        idle = self._farm_is_idle()
        for duty in self._duties:
            if not self._is_due(duty, self._connections.steady(), idle):
                continue
            if not self._still_holds():
                return
            self._do(duty)

    def _wait(self) -> None:
        """What is done while another one acts."""
        for duty in self._duties:
            if duty.everybody and self._is_due(duty, self._connections.steady(), idle=False):
                self._do(duty)

    def _still_holds(self) -> bool:
        """Whether it holds the lease; asks the database once a fifth of the lease has passed, or after trouble with it.

        Until then nobody else can have it. An idle round of eighteen duties would extend it eighteen times.
        """
        if self._connections.steady() - self._taken_at < self._extend_after:
            return True
        return self._take(measure=False)

    def _do(self, duty: Duty) -> None:
        """One pass of a duty, whatever it raises."""
        metrics, began = self._connections.metrics, time.perf_counter()
        try:
            changes = duty.one_pass(self._connections, self._connections.clock())
        except OperationalError as error:
            # A deadlock, a lock that was not had, or the database is away: the next duty asks it again.
            log.warning("duty put off", duty=duty.name, reason=trouble(error))
            self._taken_at = float("-inf")
            metrics.count(DUTY_FAILURES, duty=duty.name)
        except Exception:
            # Whatever a duty raises, the others go on, and so does this one in the next round.
            log.exception("duty failed", duty=duty.name)
            metrics.count(DUTY_FAILURES, duty=duty.name)
        else:
            if changes:
                log.info("duty done", duty=duty.name, changes=changes)
            metrics.count(DUTY_CHANGES, changes, duty=duty.name)
        metrics.observe(DUTY_SECONDS, time.perf_counter() - began, duty=duty.name)

    def _farm_is_idle(self) -> bool:
        """Whether nothing has been under way for a while."""
        connections = self._connections
        try:
            if not is_idle(connections, connections.clock()):
                self._busy_at = connections.steady()
        except SQLAlchemyError:  # the duties will say why
            self._busy_at = connections.steady()
        return connections.steady() - self._busy_at > IDLE_AFTER_SECONDS

    def _is_due(self, duty: Duty, now: float, idle: bool) -> bool:
        """Whether its time has come, by the steady clock; what waits between its passes waits before the first, too."""
        interval = max(duty.interval, duty.idle_interval) if idle else duty.interval
        if interval and now - self._done_at.setdefault(duty.name, now) < interval:
            return False
        self._done_at[duty.name] = now
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
        self._taken_at = connections.steady() if held else float("-inf")
        return held

    def _lost_database(self, error: SQLAlchemyError) -> None:
        self.acts = False
        self._taken_at = float("-inf")
        if not self._away:
            self._away = True
            log.warning("database lost; trying again every round", reason=trouble(error))

    def _release(self) -> None:
        try:
            self._leadership.release()
        except SQLAlchemyError as error:
            self._lost_database(error)  # the lease runs out by itself
