"""What may join the batch that is running now, and whether something more urgent waits.

A join is a small claim of one batch key. It is fair by two bounds: flows that join ahead of their turn are not
further ahead than the lag bound of `scheduler.fair_share.fair_queueing`, each charged for its own renders; and once a
head of another key has waited one quantum, nobody joins any more, so the batch ends and that head is next.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine

from farm.database import read, write
from scheduler.batching.preemption_policy import no_lower_than
from scheduler.claims import claim_sql
from scheduler.claims.claim_sql import Peeked
from scheduler.claims.claim_transaction import Claim, Taker, claimed_render, head_of
from scheduler.claims.claimer import Claimer
from scheduler.claims.running_limits import ending_jobs, read_allowances
from scheduler.claims.scan_cursor import BEGINNING, Place, ScanCursor
from scheduler.dialects import prepare
from scheduler.fair_share.fair_queueing import Turn, backfill
from scheduler.fair_share.read_turns import read_turns

#: Seconds for which a head of another batch key lets others join before it, at the most.
QUANTUM = 2.0


@dataclass(frozen=True)
class Waiting:
    """A render of a more urgent class whose turn it is."""

    id: str
    class_name: str
    batch_key: str
    since: float  # when it was submitted, seconds since 1970


def join(
    engine: Engine,
    claimer: Claimer,
    *,
    batch_id: str,
    batch_key: str,
    slots: int,
    running: int,
    began: float,
    now: float,
    quantum: float = QUANTUM,
    only: Collection[str] | None = None,
    slowed: bool = False,
) -> Claim | None:
    """Lease up to `slots` renders that may share passes with the `running` ones of a batch; None: nobody may join.

    `began`: when that batch was claimed, seconds since 1970. A head of another key has waited since then, or since
    it was submitted if that is later; from `quantum` seconds on nobody joins. Renders with a batch limit never join.
    The attempts carry the batch's id, and its size as it is then. `only`: renders of these classes may join, and of no
    other. `slowed`: shared passes take these renders much longer, so nothing less urgent joins with the first of them.
    """
    if slots < 1:
        return None
    with write(engine) as connection:
        prepare(connection)
        allowances = read_allowances(connection, claimer.pool)
        taker = Taker(connection, claimer.lease(now), claimer.scan_cursor, allowances)
        order = read_turns(connection, claimer.pool, claimer.shares, without=allowances.used_up())
        place, head = _first_head(connection, order.turns, claimer.scan_cursor, now, allowances.ending)
        if head is None:
            return None
        turn, others = order.turns[place], order.turns[place + 1 :]
        its_turn = head.batch_key == batch_key and head.batch_limit is None
        joining = who_joins(turn, others, its_turn=its_turn, waited=now - max(head.created_at, began), quantum=quantum)
        joining = [turn for turn in joining if only is None or turn.flow.class_name in only]
        if slowed and joining:
            first_classes = no_lower_than(joining[0].flow.class_name, claimer.shares)
            joining = [turn for turn in joining if turn.flow.class_name in first_classes]
        taker.fill_from(joining, batch_key, slots)
        if not taker.rows:
            return None
        taker.write(batch_id, claimer.pool, joining, beside=running, served=turn if its_turn else None)
    classes = {turn.flow.id: turn.flow.class_name for turn in joining}
    first = taker.rows[0]
    renders = [claimed_render(row, classes[row.flow_id], now) for row in taker.rows]
    return Claim(batch_id, renders, head_of(first, classes[first.flow_id], now))


def who_joins(turn: Turn, others: Sequence[Turn], *, its_turn: bool, waited: float, quantum: float) -> list[Turn]:
    """Which flows may join a running batch, in their order. Pure.

    `turn` is whose turn it is; `its_turn`: its head fits the running batch. If it does not, others of its flow and
    of flows within the lag bound may go before it until it has waited a quantum.
    """
    if not its_turn and waited >= quantum:
        return []
    return [turn, *backfill(turn, others)]


def waiting(engine: Engine, claimer: Claimer, *, class_name: str, now: float) -> Waiting | None:
    """Whether it is the turn of a class that is more urgent than `class_name`; reads only, locks nothing.

    Not merely whether such a render waits: a class that has had its share waits for its turn like the others.
    """
    rank = {name: place for place, name in enumerate(claimer.shares)}
    with read(engine) as connection:
        order = read_turns(connection, claimer.pool, claimer.shares)
        place, head = _first_head(connection, order.turns, claimer.scan_cursor, now, ending_jobs(connection))
    if head is None:
        return None
    first = order.turns[place].flow.class_name
    if rank.get(first, len(rank)) >= rank.get(class_name, len(rank)):
        return None
    return Waiting(head.id, first, head.batch_key, head.created_at)


def _first_head(
    connection: Connection, turns: Sequence[Turn], scan_cursor: ScanCursor, now: float, ending: Collection[str]
) -> tuple[int, Peeked | None]:
    """The first of these flows that has something pending, and its head, unlocked; but for jobs that are `ending`."""

    def peek(flow_id: str, begin: Place) -> Peeked | None:
        if ending:
            begin = claim_sql.behind_ending(connection, flow_id, begin, ending)
        return claim_sql.peek(connection, flow_id, begin, ending)

    for place, turn in enumerate(turns):
        head = peek(turn.flow.id, scan_cursor.of(turn.flow.id, now))
        if head is None and scan_cursor.forget(turn.flow.id):
            head = peek(turn.flow.id, BEGINNING)
        if head is not None:
            return place, head
    return len(turns), None
