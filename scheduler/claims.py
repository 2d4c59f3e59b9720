"""The claim: one short transaction that leases renders of one batch key to a worker.

1. the turns: which flows compete in the pool's lane, in the order of `scheduler.fairness`;
2. the head of the first flow and the fillers of the head's batch key in that flow, leased in one statement;
3. seats that are left: fillers of the same key from other flows;
4. the attempts, then the charges: rows that are inserted, and folded into virtual times by whoever finds many.

It never touches jobs. Renders are locked with SKIP LOCKED on PostgreSQL, so claims never wait for each other
there; flows are locked only where one is found empty, last and in the order of their ids. On SQLite the transaction
begins IMMEDIATE and is the only writer. Status and LIMIT are literals in every statement: a bound status hides the
partial indexes from a cached plan.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, insert

from farm.database import write
from farm.ids import new_id
from farm.tables import Attempt
from scheduler import claim_statements as statements
from scheduler.charges import charge, claimed
from scheduler.fairness import CLASSES, FlowTime, Turn, claim_cost, fillers
from scheduler.folding import FOLD_AT, fold
from scheduler.turns import read_turns, rest
from scheduler.watermark import Watermark

#: How many other flows are asked for fillers in one claim, at the most.
_NEIGHBOURS = 8


@dataclass(frozen=True)
class ClaimedRender:
    """A render as its worker gets it: what to render, and the attempt it speaks for from now on."""

    id: str
    job_id: str
    project_id: str
    index: int
    attempt: int
    lane: str
    batch_key: str
    width: int  # pixels, as the model renders it
    height: int
    frames: int
    parameters: dict[str, Any]
    estimate: float  # GPU-seconds
    failures: int


@dataclass(frozen=True)
class Claim:
    """Renders of one batch key, leased to one worker; the head is first."""

    batch_id: str
    renders: list[ClaimedRender]


def claim(
    engine: Engine,
    *,
    pool: str,
    worker_id: str,
    capacity: int,
    now: float,
    lease_seconds: float,
    watermark: Watermark | None = None,
    shares: Mapping[str, float] = CLASSES,
) -> Claim | None:
    """Lease up to `capacity` renders of the pool's lane to the worker until `now + lease_seconds`.

    None when nothing may be claimed: nothing is pending, or the lane, the pool or the flows are paused. A
    render that has a limit to its company is claimed with others of the same limit only. A claimer that keeps
    a `watermark` from claim to claim does not wade through rows that PostgreSQL could not remove yet.
    `shares`: the classes of the farm, the most urgent first.
    """
    watermark = watermark or Watermark()
    lease = statements.Lease(worker_id, now, now + lease_seconds)
    batch_id = new_id()
    while True:
        with write(engine) as connection:
            statements.prepare(connection)
            batch = _take_batch(connection, pool, capacity, lease, watermark, shares)
            if batch.rows:
                connection.execute(insert(Attempt), _attempts(batch.rows, batch_id, pool, lease))
            rested = _write_turns(connection, batch, now)
        if batch.rows:
            if batch.unfolded >= FOLD_AT[engine.dialect.name]:
                fold(engine, batch.rows[0].lane, now, shares=shares)
            return Claim(batch_id, [_claimed(row) for row in batch.rows])
        if not rested:
            return None
        # Empty flows stood before others that were not read yet: look again without them.


@dataclass(frozen=True)
class _Batch:
    """What one claim found: the renders it took, whose turn it was, and the flows that turned out empty."""

    rows: list[statements.Taken]
    turns: list[Turn]  # of the flows that the renders may be from, the head's first
    empty: list[FlowTime]
    unfolded: int  # charges that every claim has to read


def _take_batch(
    connection: Connection,
    pool: str,
    capacity: int,
    lease: statements.Lease,
    watermark: Watermark,
    shares: Mapping[str, float],
) -> _Batch:
    """The renders of the first flow that has a head, with fillers; nothing when no flow has one."""
    order = read_turns(connection, pool, shares)
    for place, turn in enumerate(order.turns):
        rows = _take_head(connection, turn.flow, capacity, lease, watermark)
        if rows:
            rows += _fill(connection, turn, order.turns[place + 1 :], rows, capacity, lease)
            empty = [passed.flow for passed in order.turns[:place]]
            return _Batch(rows, order.turns[place:], empty, order.unfolded)
    return _Batch([], [], [turn.flow for turn in order.turns], order.unfolded)


def _take_head(
    connection: Connection, flow: FlowTime, capacity: int, lease: statements.Lease, watermark: Watermark
) -> list[statements.Taken]:
    """The flow's head with the fillers of its own flow."""
    rows = statements.take_head(connection, flow.id, capacity, lease, watermark.of(flow.id, lease.start))
    if not rows and watermark.forget(flow.id):
        rows = statements.take_head(connection, flow.id, capacity, lease, watermark.of(flow.id, lease.start))
    if not rows:
        return []
    head = rows[0]
    watermark.set(flow.id, (head.rank, head.id), lease.start)
    limit = min(capacity, head.company or capacity)
    if head.company is not None and limit > 1:
        # Suspects keep company with suspects: an innocent neighbour would share the blame.
        rows += statements.take_fillers(connection, flow.id, head, limit - 1, lease)
    return rows


def _fill(
    connection: Connection,
    head: Turn,
    others: Sequence[Turn],
    rows: Sequence[statements.Taken],
    capacity: int,
    lease: statements.Lease,
) -> list[statements.Taken]:
    """Fillers of the batch key from other flows, for the seats that the head's own flow left."""
    found: list[statements.Taken] = []
    if rows[0].company is not None:
        return found
    for turn in fillers(head, others)[:_NEIGHBOURS]:
        seats = capacity - len(rows) - len(found)
        if seats <= 0:
            break
        found += statements.take_fillers(connection, turn.flow.id, rows[0], seats, lease)
    return found


def _write_turns(connection: Connection, batch: _Batch, now: float) -> bool:
    """Let empty flows rest, and charge every render to its own flow; True if one rests.

    Flows are the last rows that a claim locks, in the order of their ids: it waits for nobody who waits for it.
    """
    rested = [rest(connection, flow) for flow in sorted(batch.empty, key=lambda flow: flow.id)]
    costs: defaultdict[str, float] = defaultdict(float)
    for row in batch.rows:
        costs[row.flow_id] += claim_cost(row.estimate)
    entries = [
        claimed(batch.rows[0].lane, turn, costs[turn.flow.id], is_head=turn is batch.turns[0])
        for turn in batch.turns
        if turn.flow.id in costs
    ]
    charge(connection, entries, now)
    return any(rested)


def _attempts(
    rows: Sequence[statements.Taken], batch_id: str, pool: str, lease: statements.Lease
) -> list[dict[str, Any]]:
    return [
        {
            "render_id": row.id,
            "number": row.attempt,
            "worker_id": lease.worker_id,
            "pool": pool,
            "batch_id": batch_id,
            "batch_size": len(rows),
            "started_at": lease.start,
        }
        for row in rows
    ]


def _claimed(row: statements.Taken) -> ClaimedRender:
    return ClaimedRender(
        id=row.id,
        job_id=row.job_id,
        project_id=row.project_id,
        index=row.index,
        attempt=row.attempt,
        lane=row.lane,
        batch_key=row.batch_key,
        width=row.width,
        height=row.height,
        frames=row.frames,
        parameters=row.parameters,
        estimate=float(row.estimate),  # SQLite returns whole numbers as int
        failures=row.failures,
    )
