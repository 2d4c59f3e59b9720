"""Read which flows compete in a pool's lane, and take out a flow that was found empty.

A virtual time is what the row of a flow or class says and the charges that are not folded into it yet. All of it is
read by one statement, in one snapshot: a charge that is being folded is seen once, never twice and never not at all.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    Connection,
    Double,
    Integer,
    Select,
    bindparam,
    case,
    cast,
    exists,
    func,
    literal_column,
    null,
    select,
    union_all,
    update,
)
from sqlalchemy.sql.selectable import CompoundSelect

from farm.tables import Charge, Flow, Lane, LaneClass, Pool, Render
from scheduler.fair_share.fair_queueing import CLASSES, ClassTime, FlowTime, Turn, turns

#: How many flows of each class are read for one claim: the one that is served, and those that may fill.
_FLOWS_READ = 9

_HAS_PENDING = exists().where(Render.flow_id == Flow.id, Render.status == literal_column("'pending'"))
#: The flow has nothing pending: it does not compete. Reads ix_renders_head, locks the flow. Not if renders became
#: pending since the turns were read: whoever made them so has raised `epoch`, and this waits for its commit.
_MARK_IDLE = (
    update(Flow)
    .where(Flow.id == bindparam("flow"), Flow.epoch == bindparam("seen"), ~_HAS_PENDING)
    .values(backlogged=False)
)


@dataclass(frozen=True)
class Order:
    """The flows that compete, in the order in which they are to be served; and how many charges wait for folding."""

    turns: list[Turn]
    unfolded: int


def read_turns(
    connection: Connection,
    pool: str,
    shares: Mapping[str, float] = CLASSES,
    without: Collection[str] = (),
) -> Order:
    """The flows that compete for the pool now, but for those `without`.

    `shares`: the classes, the most urgent first.
    """
    flows: list[FlowTime] = []
    classes: dict[str, _Class] = {}
    values: dict[str, Any] = {"pool": pool} | ({"without": sorted(without)} if without else {})
    for row in connection.execute(_competing(tuple(shares.items()), bool(without)), values):
        id, class_name, weight, time, epoch, start, reached, count = row
        if id is not None:
            flows.append(FlowTime(id, class_name, weight, time, epoch))
        else:
            classes.setdefault(class_name, _Class()).add(time, start, reached, count)
    unfolded = sum(entry.unfolded for entry in classes.values())
    if not flows:
        return Order([], unfolded)
    return Order(turns(flows, [entry.time(name) for name, entry in classes.items()], shares), unfolded)


def mark_idle(connection: Connection, flow: FlowTime) -> bool:
    """Let a flow that was found empty stop competing, until renders become pending in it; False if it has some."""
    return connection.execute(_MARK_IDLE, {"flow": flow.id, "seen": flow.epoch}).rowcount == 1


@dataclass
class _Class:
    """Puts together the row of a class and the charges that are not in it yet; `virtual_time.class_time` in SQL."""

    virtual_time: float = 0.0
    start: float = 0.0
    reached: float = 0.0
    unfolded: int = 0

    def add(self, time: float, start: float | None, reached: float | None, count: int) -> None:
        self.virtual_time += time
        self.start = max(self.start, start or 0.0)
        self.reached = max(self.reached, reached or 0.0)
        self.unfolded += count

    def time(self, name: str) -> ClassTime:
        return ClassTime(name, max(self.virtual_time, self.reached), self.start)


@cache
def _competing(shares: tuple[tuple[str, float], ...], without: bool) -> CompoundSelect[Any]:
    """One statement for all: flows with their charges, rows of classes, charges of classes.

    Flows are read once and then sorted class by class, because a window function over 500 flows takes SQLite 1 ms,
    three short sorts 0.4 ms.
    """
    lane = _lane()
    charges = _charges(lane, shares)
    times = _times(lane, charges, without)
    parts = [_first(name, times) for name, _ in shares]
    return union_all(*parts, _class_rows(lane), _class_charges(charges))


def _lane() -> CTE:
    """The pool's lane, unless one of the two is paused; by primary keys."""
    return (
        select(Lane.name, Lane.folded_to)
        .join(Pool, Pool.lane == Lane.name)
        .where(Pool.name == bindparam("pool"), Pool.paused_at.is_(None), Lane.paused_at.is_(None))
        .cte("lane")
    )


def _charges(lane: CTE, shares: tuple[tuple[str, float], ...]) -> CTE:
    """What is not folded yet; `onward`: how far it and all later ones have moved their class. ix_charges_lane_id."""
    # Literals, and typed: bound values would be parameters more for every class, and NUMERIC is slow to add up.
    share = case(
        *((Charge.class_name == literal_column(f"'{name}'"), _number(share)) for name, share in shares),
        else_=_number(min(share for _, share in shares)),
    )
    onward = func.sum(Charge.gpu_seconds / share).over(
        partition_by=Charge.class_name, order_by=Charge.id.desc(), rows=(None, 0)
    )
    return (
        select(
            Charge.flow_id,
            Charge.class_name,
            Charge.gpu_seconds,
            Charge.class_start,
            (Charge.gpu_seconds / share).label("moved"),
            onward.label("onward"),
        )
        .where(
            Charge.lane == select(lane.c.name).scalar_subquery(),
            Charge.id > select(lane.c.folded_to).scalar_subquery(),
        )
        .cte("unfolded")
    )


def _number(value: float) -> ColumnElement[float]:
    return literal_column(f"CAST({value!r} AS DOUBLE PRECISION)", Double)


def _times(lane: CTE, charges: CTE, without: bool) -> CTE:
    """The flows that compete, each with the charges that wait added to its time. Locks nothing.

    Flows and charges are grouped, not joined: a plan that was made while the tables were empty would join them as a
    loop in a loop (500 flows: 8.6 ms instead of 1.3). Flows are read once, through ix_flows_backlogged: while somebody
    holds an old snapshot it also leads to every version that a fold has replaced.
    """
    passed_over = [Flow.id.not_in(bindparam("without", expanding=True))] if without else []
    flows = select(
        Flow.id, Flow.class_name, Flow.weight, Flow.virtual_time, Flow.epoch, _number(0.0).label("gpu_seconds")
    ).where(
        Flow.lane == select(lane.c.name).scalar_subquery(),
        literal_column("flows.backlogged"),
        Flow.paused_at.is_(None),
        *passed_over,
    )
    nothing = (cast(null(), column.type) for column in (Flow.class_name, Flow.weight, Flow.virtual_time, Flow.epoch))
    both = flows.union_all(select(charges.c.flow_id, *nothing, charges.c.gpu_seconds)).subquery()
    weight = func.max(both.c.weight)
    return (
        select(
            both.c.id,
            func.max(both.c.class_name).label("class_name"),
            weight.label("weight"),
            (func.max(both.c.virtual_time) + func.sum(both.c.gpu_seconds) / weight).label("virtual_time"),
            func.max(both.c.epoch).label("epoch"),
        )
        .group_by(both.c.id)
        .cte("times")
    )


def _first(class_name: str, times: CTE) -> Select[Any]:
    """The first flows of one class. Charges of flows that do not compete have no class."""
    first = (
        select(times)
        .where(times.c.class_name == literal_column(f"'{class_name}'"))
        .order_by(times.c.virtual_time, times.c.id)
        .limit(literal_column(str(_FLOWS_READ)))
        .subquery()
    )
    return _as_flow(first)


def _as_flow(rows: Any) -> Select[Any]:
    return select(rows, cast(null(), Double), cast(null(), Double), literal_column("0"))


def _class_rows(lane: CTE) -> Select[Any]:
    """A row for each class that was ever folded, by primary key."""
    return select(
        *_of_class(LaneClass.class_name),
        LaneClass.virtual_time,
        cast(null(), Integer),
        LaneClass.start,
        cast(null(), Double),
        literal_column("0"),
    ).where(LaneClass.lane == select(lane.c.name).scalar_subquery())


def _class_charges(charges: CTE) -> Select[Any]:
    """What the charges move each class, and where it was served last."""
    return select(
        *_of_class(charges.c.class_name),
        func.sum(charges.c.moved),
        cast(null(), Integer),
        func.max(charges.c.class_start),
        func.max(charges.c.class_start + charges.c.onward),
        func.count(),
    ).group_by(charges.c.class_name)


def _of_class(name: Any) -> tuple[ColumnElement[Any], ...]:
    return cast(null(), Flow.id.type), name, cast(null(), Double)
