"""The claim: one short transaction that leases renders of one batch key to a worker.

1. the turns: which flows compete in the pool's lane, in the order of `scheduler.fairness`;
2. the head of the first flow and the fillers of the head's batch key in that flow, leased in one statement;
3. seats that are left: fillers of the same key from other flows;
4. the attempts, then the charges to flows and classes.

It never touches jobs. Renders are locked with SKIP LOCKED on PostgreSQL, so claims never wait for each other
there; flows and classes are locked last, in the order of their ids, until the commit. On SQLite the transaction
begins IMMEDIATE and is the only writer. Status and LIMIT are literals in every statement: a bound status hides the
partial indexes from a cached plan.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, insert

from farm.database import write
from farm.ids import new_id
from farm.tables import Attempt
from scheduler import claim_statements as statements
from scheduler.charges import LaneClassKey, charge_classes, charge_flow
from scheduler.fairness import FlowTime, Turn, claim_cost, fillers
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
) -> Claim | None:
    """Lease up to `capacity` renders of the pool's lane to the worker until `now + lease_seconds`.

    None when nothing may be claimed: nothing is pending, or the lane, the pool or the flows are paused. A
    render that has a limit to its company is claimed with others of the same limit only. A claimer that keeps
    a `watermark` from claim to claim does not wade through rows that PostgreSQL could not remove yet.
    """
    watermark = watermark or Watermark()
    lease = statements.Lease(worker_id, now, now + lease_seconds)
    batch_id = new_id()
    while True:
        with write(engine) as connection:
            statements.prepare(connection)
            batch = _take_batch(connection, pool, capacity, lease, watermark)
            if batch.rows:
                connection.execute(insert(Attempt), _attempts(batch.rows, batch_id, pool, lease))
            rested = _write_turns(connection, batch)
        if batch.rows:
            return Claim(batch_id, [_claimed(row) for row in batch.rows])
        if not rested:
            return None
        # Empty flows stood before others that were not read yet: look again without them.


@dataclass(frozen=True)
class _Batch:
    """What one claim found: the renders it took, whose turn it was, and the flows that turned out empty."""

    rows: list[statements.Taken]
    served: Turn | None
    empty: list[FlowTime]


def _take_batch(
    connection: Connection, pool: str, capacity: int, lease: statements.Lease, watermark: Watermark
) -> _Batch:
    """The renders of the first flow that has a head, with fillers; nothing when no flow has one."""
    order = read_turns(connection, pool)
    for place, turn in enumerate(order):
        rows = _take_head(connection, turn.flow, capacity, lease, watermark)
        if rows:
            rows += _fill(connection, turn, order[place + 1 :], rows, capacity, lease)
            return _Batch(rows, turn, [turn.flow for turn in order[:place]])
    return _Batch([], None, [turn.flow for turn in order])


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


def _write_turns(connection: Connection, batch: _Batch) -> bool:
    """Charge every render to its own flow and class, and let empty flows rest; True if one did.

    The last rows that a claim locks, flows first and in the order of their ids: it waits for nobody who waits for it.
    """
    costs: defaultdict[str, float] = defaultdict(float)
    for row in batch.rows:
        costs[row.flow_id] += claim_cost(row.estimate)
    empty = {flow.id: flow for flow in batch.empty}
    by_class: defaultdict[LaneClassKey, float] = defaultdict(float)
    rested = False
    for flow_id in sorted(costs.keys() | empty.keys()):
        if flow_id in costs:
            by_class[charge_flow(connection, flow_id, costs[flow_id])] += costs[flow_id]
        else:
            rested |= rest(connection, empty[flow_id])
    charge_classes(connection, by_class, served=batch.served)
    return rested


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
