"""The settle: a worker says how renders ended, for the attempts it holds; one transaction for all of them.

Locks, in this order: the renders by primary key in the order of their ids; then jobs, and flows that have work again,
each in the order of theirs. It reads no index but primary keys, and takes one statement of each kind for all renders.
What a revoked attempt says is void.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Engine, and_, delete, insert, select

from farm.database import write
from farm.ids import new_id
from farm.lifecycle import ENDED, Outcome, RenderStatus
from farm.progress import JobChanged
from farm.storage import StoredFile
from farm.storage_keys import ArtifactKind
from farm.tables import Artifact, Attempt
from scheduler.accounting.prices import Rates, rates
from scheduler.batching.sealed_batches import is_initial
from scheduler.estimates.observations import Observed, insert_observations
from scheduler.fair_share.charge_amounts import Adjustment, spent_seconds
from scheduler.gallery.scores import insert_asked
from scheduler.leases.adjust_charges import settle_flows
from scheduler.leases.change_status import LockedRender, Move, lock_renders, move_all
from scheduler.leases.checkpoint_rows import IS_CHECKPOINT
from scheduler.leases.job_counters import JobChange, record
from scheduler.leases.retry_policy import after_failure
from scheduler.uploads import insert_adapter


@dataclass(frozen=True)
class Output:
    """A stored file of a render; width and height in pixels, where it has them."""

    kind: ArtifactKind
    file: StoredFile
    width: int | None = None
    height: int | None = None
    frames: int | None = None
    score: float | None = None  # of a manifest: what a scorer said of the output
    kept: bool | None = None  # of one with a score; none: the best are still to be chosen


#: Ends that keep files, each with those that it needs.
_WITH_FILES = {
    Outcome.DONE: frozenset({ArtifactKind.OUTPUT}),
    Outcome.DRAFTED: frozenset({ArtifactKind.DRAFT, ArtifactKind.CHECKPOINT}),
}
#: The state of a render whose attempt ended so, where nothing else is to be looked at.
_STATES = {Outcome.DONE: RenderStatus.DONE, Outcome.DRAFTED: RenderStatus.DRAFTED}


@dataclass(frozen=True)
class Settlement:
    """How one attempt ended: DONE or DRAFTED with its files, FAILED (blamed) or RETURNED (nobody is), with a reason."""

    render_id: str
    attempt: int
    outcome: Outcome
    reason: str | None = None
    gpu_seconds: float | None = None  # as the engine measured it: what it is charged in the end
    artifacts: Sequence[Output] = ()
    log_lines: str | None = None  # of a FAILED one: what its worker wrote last, without secrets
    hopeless: bool = False  # of a FAILED one: it would fail again, so it is not tried again
    observation: Observed | None = None  # of one that is done
    scorer: str | None = None  # of one that is done: who is still to score its output
    adapter: Mapping[str, Any] | None = None  # of a training that is done: the row of `inputs` for its LoRA

    def __post_init__(self) -> None:
        if self.outcome not in (*_WITH_FILES, Outcome.FAILED, Outcome.RETURNED):
            raise ValueError(f"A worker cannot settle a render as {self.outcome}.")
        if missing := _WITH_FILES.get(self.outcome, frozenset()) - {file.kind for file in self.artifacts}:
            raise ValueError(f"A render is {self.outcome} only with its {' and '.join(sorted(missing))}.")


@dataclass(frozen=True)
class Settled:
    """Which settlements counted (render ids), and which jobs changed: announce them after the commit.

    `replaced`: the keys of files that no row names any more; remove those.
    """

    accepted: list[str] = field(default_factory=list)
    jobs: list[JobChanged] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)


def settle(
    engine: Engine,
    settlements: Sequence[Settlement],
    now: float,
    *,
    max_failures: int = 3,
    worker_id: str | None = None,
    pool: str | None = None,
    events: bool = True,
) -> Settled:
    """Settle all that still stand at their attempt (and, when it is given, with this worker).

    A settlement that is repeated because the answer to the first got lost is accepted again, and changes nothing.
    `pool`: where they were rendered; found by their attempts when it is not given. Without `events` nobody is told.
    """
    if not settlements:
        return Settled()
    with write(engine) as connection:
        renders = lock_renders(connection, [settlement.render_id for settlement in settlements])
        accepted: list[str] = []
        current: list[tuple[LockedRender, Settlement]] = []
        for settlement in settlements:
            render = renders.pop(settlement.render_id, None)
            if render is None or render.attempt != settlement.attempt:
                continue
            if render.status == _STATES.get(settlement.outcome):
                accepted.append(render.id)
            elif render.status == RenderStatus.RUNNING and worker_id in (None, render.worker_id):
                accepted.append(render.id)
                current.append((render, settlement))
        if not current:
            return Settled(accepted)
        where = _where(connection, pool, current[0][1])
        replaced = _forget_checkpoints(connection, current)
        jobs = _settle(connection, current, where, now, max_failures, events)
    return Settled(accepted, jobs, replaced)


@dataclass(frozen=True)
class _Where:
    """The pool that rendered, and what it costs."""

    pool: str
    rates: Rates


def _where(connection: Connection, pool: str | None, settlement: Settlement) -> _Where:
    """By primary key; renders that are settled together were claimed by one worker, which serves one pool."""
    if pool is None:
        attempt = and_(Attempt.render_id == settlement.render_id, Attempt.number == settlement.attempt)
        pool = connection.scalars(select(Attempt.pool).where(attempt)).one()
    return _Where(pool, rates(connection, [pool])[pool])


def _settle(
    connection: Connection,
    current: Sequence[tuple[LockedRender, Settlement]],
    where: _Where,
    now: float,
    max_failures: int,
    events: bool,
) -> list[JobChanged]:
    moves = [_move(connection, render, settlement, where, now, max_failures) for render, settlement in current]
    move_all(connection, moves, now)
    _store_artifacts(connection, [settlement for _, settlement in current], now)
    _keep_observations(connection, current, where, now)
    insert_asked(connection, {render.id: end.scorer for render, end in current if end.scorer is not None}, now)
    for _, settlement in current:
        if settlement.adapter is not None:
            insert_adapter(connection, settlement.adapter)
    jobs = record(connection, _changes(moves, where), now, events=events)
    returned = [move.render for move in moves if move.to is RenderStatus.PENDING]
    settle_flows(connection, _adjustments(moves), returned, now, pool=where.pool)
    return jobs


def _move(
    connection: Connection, render: LockedRender, settlement: Settlement, where: _Where, now: float, max_failures: int
) -> Move:
    """Where a render goes, by how its attempt ended."""
    to = _STATES.get(settlement.outcome, RenderStatus.PENDING)
    move = Move(render, to, settlement.outcome, settlement.reason, render.failures, render.batch_limit)
    move.log_lines = settlement.log_lines
    move.gpu_seconds, move.money, move.watt_hours = render.gpu_seconds, render.money, render.watt_hours
    if settlement.gpu_seconds is not None:
        move.spent = spent = spent_seconds(settlement.gpu_seconds)
        move.gpu_seconds = (render.gpu_seconds or 0.0) + spent
        move.money = (render.money or 0.0) + where.rates.money(spent)
        move.watt_hours = (render.watt_hours or 0.0) + where.rates.watt_hours(spent)
    if settlement.outcome is Outcome.FAILED:
        after = after_failure(
            failures=render.failures,
            batch_limit=render.batch_limit,
            batch_size=_batch_size(connection, render),
            max_failures=max_failures,
            hopeless=settlement.hopeless,
        )
        move.to, move.failures, move.batch_limit = after.status, after.failures, after.batch_limit
    if move.to in ENDED:
        move.finished_at = now
    return move


def _batch_size(connection: Connection, render: LockedRender) -> int | None:
    """How many the claim took that took it; None where nobody will ask, as its batch was limited before."""
    if not is_initial(render.batch_limit):
        return None
    this = (Attempt.render_id == render.id, Attempt.number == render.attempt)
    return connection.scalar(select(Attempt.batch_size).where(*this))


def _forget_checkpoints(connection: Connection, current: Sequence[tuple[LockedRender, Settlement]]) -> list[str]:
    """The checkpoint of a draft takes the place of what was kept on the way to it; returns the keys of those files."""
    drafted = [render.id for render, settlement in current if settlement.outcome is Outcome.DRAFTED]
    if not drafted:
        return []
    older = delete(Artifact).where(IS_CHECKPOINT, Artifact.render_id.in_(drafted)).returning(Artifact.key)
    new = {output.file.key for _, settlement in current for output in settlement.artifacts}
    return sorted(set(connection.scalars(older)) - new)


def _store_artifacts(connection: Connection, settlements: Sequence[Settlement], now: float) -> None:
    rows = [
        {
            "id": new_id(),
            "render_id": settlement.render_id,
            "attempt": settlement.attempt,
            "kind": output.kind.value,
            "key": output.file.key,
            "content_type": output.file.content_type,
            "size": output.file.size,
            "sha256": output.file.sha256,
            "width": output.width,
            "height": output.height,
            "frames": output.frames,
            "score": output.score,
            "kept": output.kept,
            "created_at": now,
        }
        for settlement in settlements
        if settlement.outcome in _WITH_FILES
        for output in settlement.artifacts
    ]
    if rows:
        connection.execute(insert(Artifact), rows)


def _keep_observations(
    connection: Connection, current: Sequence[tuple[LockedRender, Settlement]], where: _Where, now: float
) -> None:
    rows = [
        settlement.observation.row(render_id=render.id, pool=where.pool, lane=render.lane, at=now)
        for render, settlement in current
        if settlement.observation is not None
    ]
    insert_observations(connection, rows)


def _changes(moves: Sequence[Move], where: _Where) -> dict[str, JobChange]:
    """Ends are counted; what goes back is told as 'retried' (blamed) or 'returned' (not)."""
    changes: defaultdict[str, JobChange] = defaultdict(JobChange)
    for move in moves:
        change = changes[move.render.job_id]
        if move.to is RenderStatus.PENDING:
            kind = "retried" if move.outcome is Outcome.FAILED else "returned"
        else:
            kind = move.to.value
            change.ended[move.to] += move.to in ENDED
        change.events[kind].append((move.render.index, move.reason))
        if move.spent:
            change.gpu_seconds += move.spent
            change.money += where.rates.money(move.spent)
            change.watt_hours += where.rates.watt_hours(move.spent)
    return changes


def _adjustments(moves: Sequence[Move]) -> dict[str, Adjustment]:
    """By flow, the measured seconds less the estimates that were charged at the claim."""
    adjustments: defaultdict[str, Adjustment] = defaultdict(Adjustment)
    for move in moves:
        adjustments[move.render.flow_id].add(
            move.render.estimate,
            move.spent,
            keeps_estimate=move.outcome is not Outcome.RETURNED,
            ended=move.to in ENDED,
        )
    return adjustments
