"""The account of a lane: every charge to a flow is a row that is inserted, and folded into virtual times later.

A claim that rewrote the rows of its flow and class would leave a dead version of both, and every claim reads them:
while somebody keeps an old snapshot, PostgreSQL walks over all those versions. So claims and settles only insert
here; a flow's time is what its row says and its charges that are not folded yet (`scheduler.fair_share.read_turns`,
`.fold_charges`).
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    case,
    func,
    insert,
    literal_column,
    outerjoin,
    select,
)

from farm.tables import Charge, Flow, Lane, LaneClass
from scheduler.fair_share.fair_queueing import Turn


@dataclass(frozen=True, slots=True)
class Entry:
    """What one flow is charged by one claim or one settle; GPU-seconds, negative to give back."""

    lane: str
    class_name: str
    flow_id: str
    gpu_seconds: float
    class_start: float | None = None  # of a claim's head: where its class and its flow were served
    flow_start: float | None = None
    pool: str | None = None  # of a settle: where so many seconds were spent for so many renders that ended
    spent: float = 0.0
    renders: int = 0


_COLUMNS = tuple(field.name for field in fields(Entry))


@dataclass(frozen=True)
class Account:
    """Where a flow is charged."""

    lane: str
    class_name: str


_ACCOUNTS = select(Flow.id, Flow.lane, Flow.class_name).where(Flow.id.in_(bindparam("flows", expanding=True)))


def claimed(lane: str, turn: Turn, gpu_seconds: float, *, is_head: bool) -> Entry:
    """The charge to a flow for what was claimed from it; the head's says where newcomers start from now on."""
    if not is_head:
        return Entry(lane, turn.flow.class_name, turn.flow.id, gpu_seconds)
    return Entry(
        lane,
        turn.flow.class_name,
        turn.flow.id,
        gpu_seconds,
        class_start=turn.class_start,
        flow_start=turn.flow.virtual_time,
    )


def charge(connection: Connection, entries: Iterable[Entry], now: float) -> None:
    """Insert these charges; reads and locks nothing. Late in a transaction: an id that is given soon commits soon."""
    rows = [{name: getattr(entry, name) for name in _COLUMNS} | {"at": now} for entry in entries]
    if rows:
        connection.execute(insert(Charge), rows)


def accounts(connection: Connection, flow_ids: Collection[str]) -> dict[str, Account]:
    """The accounts of these flows, by primary key."""
    rows = connection.execute(_ACCOUNTS, {"flows": list(flow_ids)})
    return {id: Account(lane, class_name) for id, lane, class_name in rows}


def unfolded(lane: ColumnElement[str]) -> ColumnElement[bool]:
    """The charges of a lane that are in no virtual time yet; reads ix_charges_lane_id behind all that was removed."""
    folded_to = select(Lane.folded_to).where(Lane.name == lane).scalar_subquery()
    return and_(Charge.lane == lane, Charge.id > folded_to)


def level(connection: Connection, account: Account) -> tuple[float, float | None]:
    """Where newcomers of a class start: the virtual time that was served last, and the smallest that has work.

    One statement, so that what is being folded is seen once. Reads ix_charges_lane_id and ix_flows_backlogged.
    """
    row = connection.execute(_level(), {"of_lane": account.lane, "of_class": account.class_name}).one()
    served = max((float(time) for time in row[:2] if time is not None), default=0.0)
    return served, min((float(time) for time in row[2:] if time is not None), default=None)


@cache
def _level() -> Select[Any]:
    lane, class_name = bindparam("of_lane", type_=Flow.lane.type), bindparam("of_class", type_=Flow.class_name.type)
    folded = select(func.max(LaneClass.flow_start)).where(LaneClass.lane == lane, LaneClass.class_name == class_name)
    since = select(func.max(Charge.flow_start)).where(unfolded(lane), Charge.class_name == class_name)
    by_flow = (
        select(Charge.flow_id, func.sum(Charge.gpu_seconds).label("gpu_seconds"))
        .where(unfolded(lane), Charge.class_name == class_name)
        .group_by(Charge.flow_id)
        .cte("by_flow")
    )
    # As the index has it: SQLAlchemy's 'backlogged = 1' would not use it on SQLite.
    competes = and_(literal_column("flows.backlogged"), Flow.paused_at.is_(None))
    untouched = select(func.min(Flow.virtual_time)).where(
        Flow.lane == lane, competes, Flow.class_name == class_name, Flow.id.not_in(select(by_flow.c.flow_id))
    )
    time = Flow.virtual_time + by_flow.c.gpu_seconds / Flow.weight
    charged = select(func.min(case((competes, time)))).select_from(
        outerjoin(by_flow, Flow, Flow.id == by_flow.c.flow_id)
    )
    return select(*(part.scalar_subquery() for part in (folded, since, untouched, charged)))


def unfolded_of(connection: Connection, flow_id: str, account: Account) -> float:
    """GPU-seconds that one flow was charged and that its row does not say yet."""
    return float(connection.scalar(_unfolded_of(), {"of_lane": account.lane, "flow": flow_id}) or 0.0)


@cache
def _unfolded_of() -> Select[Any]:
    lane = bindparam("of_lane", type_=Flow.lane.type)
    return select(func.sum(Charge.gpu_seconds)).where(unfolded(lane), Charge.flow_id == bindparam("flow"))
