"""The claim: one short transaction that leases renders of one batch key to a worker.

1. what projects with a limit may still start, and the turns: which flows compete in the pool's lane, in the order
   of `scheduler.fair_share.fair_queueing`;
2. the head of the first flow; its shape says how many slots there are; the backfill of its batch key in that flow;
3. slots that are left: backfill of the same key from other flows;
4. the attempts, then the charges: rows that are inserted, and folded into virtual times by whoever finds many.

It never touches jobs. Renders are locked with SKIP LOCKED on PostgreSQL, so claims never wait for each other
there; flows are locked only where one is found empty, last and in the order of their ids. On SQLite the transaction
begins IMMEDIATE and is the only writer. Status and LIMIT are literals in every statement: a bound status hides the
partial indexes from a cached plan.

The head is not looked at first and taken later: whatever one sees without a lock, another may have taken. It is
taken, and then asked for its shape. If the flow's last head had the same key, its backfill come by the same statement.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from sqlalchemy import Engine

from farm.database import write
from farm.ids import new_id
from scheduler.batching.preemption_policy import is_lower
from scheduler.claims import claim_sql
from scheduler.claims.adapter_affinity import Loaded
from scheduler.claims.claim_transaction import NEIGHBOURS, Claim, ClaimedRender, Head, Taker, claimed_render, head_of
from scheduler.claims.claimer import Claimer
from scheduler.claims.join_running_batch import Waiting, join, waiting
from scheduler.claims.running_limits import read_allowances
from scheduler.dialects import prepare
from scheduler.fair_share.fair_queueing import FlowTime, Turn, backfill
from scheduler.fair_share.fold_charges import FOLD_AT, fold
from scheduler.fair_share.read_turns import mark_idle, read_turns

__all__ = ["Capacity", "Claim", "ClaimedRender", "Claimer", "Head", "Waiting", "claim", "join", "waiting"]

#: How many renders a worker takes: a number, or what it says when it knows whose turn it is. It is asked inside the
#: transaction, so it must not wait for anything.
Capacity = int | Callable[[Head], int]
#: Whether a head's passes would take much longer with others in them; asked inside the transaction too.
Slowed = Callable[[Head], bool]


def claim(
    engine: Engine,
    claimer: Claimer,
    *,
    capacity: Capacity,
    now: float,
    only: Collection[str] | None = None,
    loaded: Loaded | None = None,
    slowed: Slowed = lambda head: False,
) -> Claim | None:
    """Lease up to `capacity` renders of its pool's lane to the claimer, from `now` on, in seconds since 1970.

    None when nothing may be claimed: nothing is pending, or the lane, the pool or the flows are paused, or their
    projects run as many as they may. A render that has a batch limit is claimed with others of the same
    limit only. `only`: nothing but renders of these classes is taken, also beside the head. `loaded`: the adapters
    that the worker has; a head that wants others may be passed by. `slowed`: of such a head nothing that is less
    urgent is taken beside it.
    """
    batch_id = new_id()
    while True:
        with write(engine) as connection:
            prepare(connection)
            allowances = read_allowances(connection, claimer.pool)
            taker = Taker(connection, claimer.lease(now), claimer.scan_cursor, allowances)
            batch = _take_batch(taker, claimer, capacity, only, loaded, slowed)
            # Flows are the last rows that it locks, in the order of their ids: it waits for nobody who waits for it.
            rested = [mark_idle(connection, flow) for flow in sorted(batch.empty, key=lambda flow: flow.id)]
            if batch.head is not None:
                taker.write(batch_id, claimer.pool, batch.turns, beside=0, served=batch.served)
        if batch.head is not None:
            if batch.unfolded >= FOLD_AT[engine.dialect.name]:
                fold(engine, batch.head.lane, now, shares=claimer.shares)
            classes = {turn.flow.id: turn.flow.class_name for turn in batch.turns}
            renders = [claimed_render(row, classes[row.flow_id], now) for row in taker.rows]
            return Claim(batch_id, renders, batch.head, batch.passed_by, batch.apart)
        if not any(rested):
            return None
        # Empty flows stood before others that were not read yet: look again without them.


@dataclass(frozen=True)
class _Batch:
    """Whose turn was taken, and the flows that turned out empty."""

    head: Head | None
    turns: list[Turn]  # of the flows that the renders may be from, the head's first
    empty: list[FlowTime]
    unfolded: int  # charges that every claim has to read
    served: Turn | None = None  # whose turn it was and who was taken first
    passed_by: str | None = None  # the render whose turn it was, if another was taken for its adapters
    apart: bool = False  # something less urgent was left


def _take_batch(
    taker: Taker,
    claimer: Claimer,
    capacity: Capacity,
    only: Collection[str] | None,
    loaded: Loaded | None,
    slowed: Slowed,
) -> _Batch:
    """The renders of the first flow that has a head, with backfill; nothing when no flow has one."""
    order = read_turns(taker.connection, claimer.pool, claimer.shares, without=taker.allowances.used_up())
    turns = [turn for turn in order.turns if only is None or turn.flow.class_name in only]
    for place, turn in enumerate(turns):
        empty = [passed.flow for passed in turns[:place]]
        if loaded is not None and (passed_by := _prefer_loaded_adapters(taker, turns[place:], capacity, loaded)):
            return _around_loaded(taker, turns[place:], capacity, empty, order.unfolded, passed_by)
        row = taker.head(turn.flow.id, *_expected(taker, turn, capacity))
        if row is None:
            continue
        head = head_of(row, turn.flow.class_name, taker.lease.start)
        taker.scan_cursor.heads[turn.flow.id] = head
        others = turns[place + 1 :]
        beside = _no_lower(turn, others, claimer) if slowed(head) else others
        _fill(taker, head, turn, others, capacity, beside)
        apart = len(beside) < len(others)
        return _Batch(head, turns[place:], empty, order.unfolded, served=turn, apart=apart)
    return _Batch(None, [], [turn.flow for turn in turns], order.unfolded)


def _no_lower(turn: Turn, others: list[Turn], claimer: Claimer) -> list[Turn]:
    """Those of `others` that are no less urgent."""
    return [other for other in others if not is_lower(other.flow.class_name, turn.flow.class_name, claimer.shares)]


def _prefer_loaded_adapters(taker: Taker, turns: list[Turn], capacity: Capacity, loaded: Loaded) -> str | None:
    """If the first of these wants adapters that are not loaded, take a render that does not, near its turn.

    The id of the head that was passed by; None if nothing was taken.
    """
    turn, others = turns[0], turns[1:]
    head = taker.peek(turn.flow.id)
    if head is None or head.batch_key in loaded.batch_keys:
        return None
    if loaded.has_all(claim_sql.read_parameters(taker.connection, head.id)):
        return None
    equals = [other for other in backfill(turn, others) if other.flow.class_name == turn.flow.class_name]
    for candidate in [turn, *equals][:NEIGHBOURS]:
        for key in loaded.batch_keys:
            if taker.fill(candidate.flow.id, key, None, capacity if isinstance(capacity, int) else 1):
                return head.id
    return None


def _around_loaded(
    taker: Taker, turns: list[Turn], capacity: Capacity, empty: list[FlowTime], unfolded: int, passed_by: str
) -> _Batch:
    """Fill the batch of what was taken in place of the first head."""
    row = taker.rows[0]
    mine = next(turn for turn in turns if turn.flow.id == row.flow_id)
    head = head_of(row, mine.flow.class_name, taker.lease.start)
    others = [turn for turn in turns if turn is not mine]
    _fill(taker, head, mine, others, capacity, others)
    return _Batch(head, turns, empty, unfolded, turns[0] if mine is turns[0] else None, passed_by)


def _expected(taker: Taker, turn: Turn, capacity: Capacity) -> tuple[int, str | None]:
    """How many to take with the head in one statement, provided that it has this key.

    Nearly always a flow's head is like the one before it: then its backfill is taken with it.
    """
    if isinstance(capacity, int):
        return capacity, None
    before = taker.scan_cursor.heads.get(turn.flow.id)
    return (1, None) if before is None else (max(1, capacity(before)), before.batch_key)


def _slots(taker: Taker, head: Head, others: list[Turn], capacity: Capacity) -> int:
    """How many renders share the batch. What waits in all is counted only where it would change the answer."""
    if isinstance(capacity, int):
        return capacity
    slots = max(1, capacity(head))
    if not others and capacity(replace(head, waiting=slots + 1)) > slots:
        slots = max(slots, capacity(replace(head, waiting=taker.waiting())))
    return slots


def _fill(taker: Taker, head: Head, turn: Turn, others: list[Turn], capacity: Capacity, beside: list[Turn]) -> None:
    """Slots beside the head: of its own flow first, then of those `beside` it. Renders under suspicion share batches
    with each other only: an innocent neighbour would be counted too.
    """
    wanted = _slots(taker, head, others, capacity)
    slots = min(wanted, head.batch_limit or wanted) - len(taker.rows)
    if slots > 0 and (head.batch_limit is not None or not isinstance(capacity, int)):
        slots -= len(taker.fill(head.flow_id, head.batch_key, head.batch_limit, slots))
    if head.batch_limit is None:
        taker.fill_from(backfill(turn, beside), head.batch_key, slots)
