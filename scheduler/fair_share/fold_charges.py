"""Fold charges into virtual times and usage, and remove them. Done by claimers that read many, and by a duty.

What is removed is exactly what is added: both happen to the rows that one DELETE returns. A charge that commits
late, with an id below others that were folded already, is found by the next fold if it is close behind, and by the
duty in any case.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, delete, insert, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import OperationalError

from farm.database import write
from farm.tables import Charge, Flow, Lane, LaneClass, Usage
from scheduler.accounting.prices import rates
from scheduler.dialects import prepare
from scheduler.fair_share.fair_queueing import CLASSES, class_time, share_of

#: A claimer that has read so many charges folds them. SQLite adds up 64 in 0.15 ms, PostgreSQL 256 in 0.3; there,
#: folding seldom leaves fewer dead versions of flows and classes while somebody holds a snapshot: after 900 folds of
#: eight flows the turns take 1.2 ms instead of 0.6, after 1,800 they take 2.4.
FOLD_AT = {"sqlite": 64, "postgresql": 512}
#: How many ids below the newest that was folded are looked at again: charges whose claims committed late.
LATE_IDS = 64
_DAY = 86400.0

#: Whoever waits longer than this for a flow gives up, and leaves the charges to the next: it locks the lane first
#: and flows then, which others may do the other way round.
_LOCK_TIMEOUT = text("SELECT set_config('lock_timeout', '50ms', true)")
_CHARGED = (
    update(Flow)
    .where(Flow.id == bindparam("flow"))
    .values(virtual_time=Flow.virtual_time + bindparam("gpu_seconds", type_=Flow.virtual_time.type) / Flow.weight)
)


def fold(engine: Engine, lane: str, now: float, *, shares: Mapping[str, float] = CLASSES, late: bool = False) -> int:
    """Fold the charges of a lane; returns how many. `late`: also those far below what was folded before.

    Locks the lane, and does nothing if another is at it; then flows in the order of their ids, and gives up if it
    would wait for long. Two that fold at once, and one that is killed, lose nothing and count nothing twice.
    """
    try:
        with write(engine) as connection:
            return _fold(connection, lane, shares, late)
    except OperationalError:
        return 0  # locked by others, or the database is away: the charges stay, and every claim still reads them


def _fold(connection: Connection, lane: str, shares: Mapping[str, float], late: bool) -> int:
    prepare(connection)
    if connection.dialect.name == "postgresql":
        connection.execute(_LOCK_TIMEOUT)
    folded_to = connection.scalar(
        select(Lane.folded_to).where(Lane.name == lane).with_for_update(key_share=True, skip_locked=True)
    )
    if folded_to is None:
        return 0
    removed = delete(Charge).where(Charge.lane == lane)
    if not late:
        removed = removed.where(Charge.id > folded_to)
    rows = sorted(connection.execute(removed.returning(*Charge.__table__.columns)), key=lambda row: row.id)
    if rows:
        _move_flows(connection, rows)
        _move_classes(connection, lane, rows, shares)
        _add_usage(connection, rows)
        reached = max(folded_to, rows[-1].id - LATE_IDS)
        connection.execute(update(Lane).where(Lane.name == lane).values(folded_to=reached))
    return len(rows)


def _move_flows(connection: Connection, rows: Sequence[Any]) -> None:
    """By primary key, in the order of the ids; divided by the weight that each has at this moment."""
    charged: defaultdict[str, float] = defaultdict(float)
    for row in rows:
        charged[row.flow_id] += row.gpu_seconds
    connection.execute(_CHARGED, [{"flow": id, "gpu_seconds": charged[id]} for id in sorted(charged)])


def _move_classes(connection: Connection, lane: str, rows: Sequence[Any], shares: Mapping[str, float]) -> None:
    """Nobody else writes these rows, and the lane is locked. Starts only go forward."""
    known = {
        row.class_name: row for row in connection.execute(select(LaneClass.__table__).where(LaneClass.lane == lane))
    }
    by_class: defaultdict[str, list[Any]] = defaultdict(list)
    for row in rows:
        by_class[row.class_name].append(row)
    for name in sorted(by_class):
        found, before = by_class[name], known.get(name)
        times = {
            "virtual_time": class_time(
                before.virtual_time if before else 0.0,
                ((row.gpu_seconds, row.class_start) for row in found),
                share_of(name, shares),
            ),
            "start": max((row.class_start or 0.0 for row in found), default=0.0),
            "flow_start": max((row.flow_start or 0.0 for row in found), default=0.0),
        }
        if before is None:
            connection.execute(insert(LaneClass).values(lane=lane, class_name=name, **times))
        else:
            times |= {key: max(times[key], getattr(before, key)) for key in ("start", "flow_start")}
            connection.execute(
                update(LaneClass).where(LaneClass.lane == lane, LaneClass.class_name == name).values(times)
            )


def _add_usage(connection: Connection, rows: Sequence[Any]) -> None:
    """What was spent, by project, day (UTC) and pool; money and energy at the pool's figures of this moment."""
    spent = [row for row in rows if row.pool is not None and (row.spent or row.renders)]
    if not spent:
        return
    projects = dict(
        connection.execute(select(Flow.id, Flow.project_id).where(Flow.id.in_({row.flow_id for row in spent}))).all()
    )
    rate = rates(connection, {row.pool for row in spent})
    used: defaultdict[tuple[str, int, str], list[float]] = defaultdict(lambda: [0.0, 0])
    for row in spent:
        if row.flow_id in projects:
            total = used[projects[row.flow_id], int(row.at // _DAY), row.pool]
            total[0] += row.spent
            total[1] += row.renders
    dialect: Any = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(Usage)
    added = ("gpu_seconds", "money", "watt_hours", "renders")
    statement = statement.on_conflict_do_update(
        index_elements=[Usage.project_id, Usage.day, Usage.pool],
        set_={name: getattr(Usage, name) + statement.excluded[name] for name in added},
    )
    connection.execute(
        statement,
        [
            {
                "project_id": project_id,
                "day": day,
                "pool": pool,
                "gpu_seconds": seconds,
                "money": rate[pool].money(seconds),
                "watt_hours": rate[pool].watt_hours(seconds),
                "renders": renders,
            }
            for (project_id, day, pool), (seconds, renders) in sorted(used.items())
        ],
    )
