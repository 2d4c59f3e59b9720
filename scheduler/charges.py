"""Move virtual times: charge flows and classes for what was claimed, and true up what was settled.

Both tables are locked here, flows before classes and each in the order of their keys; whoever needs other rows too
locks those first, for a claim waits for whoever holds its flow.
"""

from collections.abc import Collection, Mapping
from functools import cache

from sqlalchemy import ColumnElement, Connection, Insert, bindparam, case, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import InstrumentedAttribute

from farm.tables import Flow, LaneClass
from scheduler.fairness import Turn, class_charge

#: The class of a flow: lane and name.
LaneClassKey = tuple[str, str]

#: Moves one flow by primary key; divides by the weight that it has at this moment.
_CHARGE_FLOW = (
    update(Flow)
    .where(Flow.id == bindparam("flow"))
    .values(virtual_time=Flow.virtual_time + bindparam("gpu_seconds", type_=Flow.virtual_time.type) / Flow.weight)
    .returning(Flow.lane, Flow.class_name)
)
#: Moves one class by primary key.
_CHARGE_CLASS = (
    update(LaneClass)
    .where(LaneClass.lane == bindparam("of_lane"), LaneClass.class_name == bindparam("of_class"))
    .values(virtual_time=LaneClass.virtual_time + bindparam("charge", type_=LaneClass.virtual_time.type))
)


def lock_flows(connection: Connection, flow_ids: Collection[str]) -> None:
    """Lock flows in the order of their ids, before they are charged and woken in whatever order."""
    connection.execute(select(Flow.id).where(Flow.id.in_(flow_ids)).order_by(Flow.id).with_for_update())


def charge_flow(connection: Connection, flow_id: str, gpu_seconds: float) -> LaneClassKey:
    """Charge one flow these GPU-seconds, negative to give back; returns its class, to be charged the same."""
    lane, class_name = connection.execute(_CHARGE_FLOW, {"flow": flow_id, "gpu_seconds": gpu_seconds}).one()
    return lane, class_name


def charge_classes(
    connection: Connection, gpu_seconds: Mapping[LaneClassKey, float], served: Turn | None = None
) -> None:
    """Charge classes these GPU-seconds; the class and the flow that were `served` set the time for newcomers."""
    for lane, class_name in sorted(gpu_seconds):
        charge = class_charge(gpu_seconds[lane, class_name], class_name)
        if served is not None and class_name == served.flow.class_name:
            _charge_served(connection, lane, served, charge)
        else:
            connection.execute(_CHARGE_CLASS, {"of_lane": lane, "of_class": class_name, "charge": charge})


def _charge_served(connection: Connection, lane: str, served: Turn, charge: float) -> None:
    """The head's class: its row appears with its first claim, and its times never go back."""
    connection.execute(
        _upsert_served(connection.dialect.name),
        {
            "of_lane": lane,
            "of_class": served.flow.class_name,
            "charge": charge,
            "class_start": served.class_start,
            "served_flow": served.flow.virtual_time,
        },
    )


@cache
def _upsert_served(dialect: str) -> Insert:
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    charge, class_start, flow_start = (
        bindparam(name, type_=LaneClass.start.type) for name in ("charge", "class_start", "served_flow")
    )
    row = insert(LaneClass).values(
        lane=bindparam("of_lane"),
        class_name=bindparam("of_class"),
        virtual_time=class_start + charge,
        start=class_start,
        flow_start=flow_start,
    )
    there = LaneClass
    return row.on_conflict_do_update(
        index_elements=[there.lane, there.class_name],
        set_={
            "virtual_time": _later(there.virtual_time, class_start) + charge,
            "start": _later(there.start, class_start),
            "flow_start": _later(there.flow_start, flow_start),
        },
    )


def _later(column: InstrumentedAttribute[float], value: ColumnElement[float]) -> ColumnElement[float]:
    # GREATEST on PostgreSQL is MAX on SQLite; CASE is the same on both.
    return case((column < value, value), else_=column)
