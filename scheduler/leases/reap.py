"""Leases that ran out, and those that are doubtful: taken back by the supervisor."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, literal_column, select

from farm.database import read, write
from farm.lifecycle import Outcome, RenderStatus
from farm.progress import JobChanged
from farm.tables import Render
from scheduler.dialects import prepare
from scheduler.fair_share.charge_amounts import Adjustment
from scheduler.leases.adjust_charges import settle_flows
from scheduler.leases.change_status import LockedRender, end_attempt, lock_renders, move
from scheduler.leases.job_counters import JobChange, record
from scheduler.leases.poison_renders import PoisonFinding, find_poison
from scheduler.leases.retry_policy import after_failure

#: Renders reaped in one transaction, so that SQLite's only write lock is held for a few ms.
REAP_CHUNK = 200
#: A lease that would last for so many times its length was written before the clock was set back. Many times: while
#: settings are being changed, one machine may have a longer one than another.
FAR = 4.0
#: Doubtful leases that are looked at in one pass.
DOUBTED = 20_000
LOST_REASON = "Its worker was not heard of any more."


@dataclass(frozen=True)
class RunningLease:
    """The lease of a running render as it stands: an extension, a settle or another claim makes another of it."""

    render_id: str
    attempt: int
    until: float  # seconds since 1970

    def holds(self, now: float, lease_seconds: float) -> bool:
        """Whether it has not run out, and was not written before the clock was set back."""
        return now <= self.until <= now + FAR * lease_seconds


_RUNNING = Render.status == literal_column("'running'")
#: The two ends of ix_renders_lease.
_DOUBTFUL = [
    select(Render.id, Render.attempt, Render.lease_until).where(_RUNNING, end).limit(literal_column(str(DOUBTED)))
    for end in (Render.lease_until < bindparam("soon"), Render.lease_until > bindparam("far"))
]
#: By primary key; skips what another reaper, a settle or an extension has locked.
_THESE = (
    select(Render.id, Render.attempt, Render.lease_until)
    .where(Render.id.in_(bindparam("ids", expanding=True)))
    .order_by(Render.id)
    .with_for_update(skip_locked=True)
)
#: The oldest leases that ran out. Reads ix_renders_lease; skips what another reaper or a settle has locked.
_RAN_OUT = (
    select(Render.id)
    .where(Render.status == literal_column("'running'"), Render.lease_until < bindparam("now"))
    .order_by(Render.lease_until)
    .limit(literal_column(str(REAP_CHUNK)))
    .with_for_update(skip_locked=True)
)


def doubtful(engine: Engine, *, soon: float, far: float) -> list[RunningLease]:
    """The leases that end before `soon` or after `far`. Mostly none: their workers extend them long before."""
    with read(engine) as connection:
        prepare(connection)
        ends = [connection.execute(end, {"soon": soon, "far": far}).all() for end in _DOUBTFUL]
    return [_as_it_stands(row) for rows in ends for row in rows]


def reap(engine: Engine, now: float, *, max_failures: int = 3) -> list[JobChanged]:
    """Take back every render whose lease ran out before `now`: to pending, the attempt raised, nobody blamed.

    But for those that were lost with one worker after the other: see `scheduler.leases.poison_renders`. In chunks,
    each a transaction of its own. Announce what it returns.
    """
    changed: dict[str, JobChanged] = {}
    while True:
        with write(engine) as connection:
            ids = connection.scalars(_RAN_OUT, {"now": now}).all()
            if not ids:
                return list(changed.values())
            lost = list(lock_renders(connection, ids).values())
            changed |= {job.job_id: job for job in _take_back(connection, lost, now, max_failures)}


def take_back(engine: Engine, leases: Sequence[RunningLease], now: float, *, max_failures: int = 3) -> list[JobChanged]:
    """Take back these, whatever their times say, as :func:`reap` does: those that are still as they were seen."""
    changed: dict[str, JobChanged] = {}
    for start in range(0, len(leases), REAP_CHUNK):
        seen = set(leases[start : start + REAP_CHUNK])
        with write(engine) as connection:
            rows = connection.execute(_THESE, {"ids": [lease.render_id for lease in seen]}).all()
            same = [row.id for row in rows if _as_it_stands(row) in seen]
            lost = list(lock_renders(connection, same).values())
            changed |= {job.job_id: job for job in _take_back(connection, lost, now, max_failures)}
    return list(changed.values())


def _as_it_stands(row: Any) -> RunningLease:
    return RunningLease(row.id, row.attempt, row.lease_until)


def _take_back(connection: Connection, lost: Sequence[LockedRender], now: float, max_failures: int) -> list[JobChanged]:
    changes: defaultdict[str, JobChange] = defaultdict(JobChange)
    given_back: defaultdict[str, Adjustment] = defaultdict(Adjustment)
    poisonous = find_poison(connection, lost)
    returned: list[LockedRender] = []
    for render in lost:
        change = changes[render.job_id]
        finding = poisonous.get(render.id)
        if finding is None:
            end_attempt(connection, render, Outcome.LOST, now=now, reason=LOST_REASON)
            move(connection, render, RenderStatus.PENDING, raise_attempt=True, reason=LOST_REASON)
            change.events[Outcome.LOST.value].append((render.index, LOST_REASON))
            returned.append(render)
        else:
            to = _count_failure(connection, render, finding, now, max_failures)
            change.events["retried" if to is RenderStatus.PENDING else to.value].append((render.index, finding.reason))
            if to is RenderStatus.PENDING:
                returned.append(render)
            else:
                change.ended[to] += 1
        given_back[render.flow_id].add(render.estimate, None)
    jobs = record(connection, changes, now)
    settle_flows(connection, given_back, returned=returned, now=now)
    return jobs


def _count_failure(
    connection: Connection, render: LockedRender, finding: PoisonFinding, now: float, max_failures: int
) -> RenderStatus:
    """As if its pass had killed the engine; returns where it went."""
    end_attempt(connection, render, Outcome.FAILED, now=now, reason=finding.reason)
    after = after_failure(
        failures=render.failures,
        batch_limit=render.batch_limit,
        batch_size=finding.batch_size,
        max_failures=max_failures,
    )
    changes: dict[str, Any] = {"failures": after.failures, "batch_limit": after.batch_limit, "reason": finding.reason}
    if after.is_dead_letter:
        changes["finished_at"] = now
    move(connection, render, after.status, raise_attempt=True, **changes)
    return after.status
