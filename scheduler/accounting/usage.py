"""What projects used: GPU-seconds, money and energy, from `usage` and from the charges that are not folded into it yet.

A settle writes a charge; folding adds it to the row of its project, UTC day and pool, and removes it. Both are read
in one transaction: on PostgreSQL in one statement, so that a charge that is folded meanwhile counts exactly once.
"""

import math
from dataclasses import dataclass

from sqlalchemy import Connection, func, select, union_all

from farm.tables import Charge, Flow, Pool, Usage
from scheduler.accounting.prices import cost

DAY_SECONDS = 86_400.0


@dataclass(frozen=True)
class Used:
    """What was spent: GPU-seconds, money in the farm's currency, Wh, and how many renders ended."""

    gpu_seconds: float = 0.0
    money: float = 0.0
    watt_hours: float = 0.0
    renders: int = 0


def day_of(now: float) -> int:
    """The UTC day as `usage` counts it: days since 1970."""
    return math.floor(now / DAY_SECONDS)


def midnight_after(now: float) -> float:
    """When the UTC day of `now` ends, in seconds since 1970."""
    return (day_of(now) + 1) * DAY_SECONDS


def spent(connection: Connection, project_id: str) -> Used:
    """All that the project ever used."""
    return used_since(connection, project_id, 0)


def used_since(connection: Connection, project_id: str, day: int) -> Used:
    """What the project used from the beginning of this UTC day (days since 1970) until now.

    Reads `usage` by primary key and, through ix_flows_project_id, the charges of settles that are not folded yet:
    a few hundred at the most, however much was rendered.
    """
    folded = select(Usage.gpu_seconds, Usage.money, Usage.watt_hours, Usage.renders).where(
        Usage.project_id == project_id, Usage.day >= day
    )
    unfolded = (
        select(
            Charge.spent,
            cost(Charge.spent, Pool.price_per_hour),
            cost(Charge.spent, Pool.watts),
            Charge.renders,
        )
        .join(Flow, Flow.id == Charge.flow_id)
        .join(Pool, Pool.name == Charge.pool)
        .where(Flow.project_id == project_id, Charge.at >= day * DAY_SECONDS)
    )
    rows = union_all(folded, unfolded).subquery()
    total = connection.execute(select(*(func.coalesce(func.sum(column), 0) for column in rows.c))).one()
    gpu_seconds, money, watt_hours, renders = total
    return Used(float(gpu_seconds), float(money), float(watt_hours), int(renders))
