"""What jobs and renders cost, and what projects used, as people see it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from flask import has_app_context
from sqlalchemy import Connection, func, select, union_all

from dashboard import schemas
from dashboard.context import farm
from farm.tables import Charge, Flow, Pool, Usage
from scheduler.costs import Rates
from scheduler.usage import DAY_SECONDS


def lane_rates(connection: Connection) -> dict[str, Rates]:
    """What a GPU-second costs in each lane: the mean of its pools. One statement over all pools."""
    rows = connection.execute(
        select(Pool.lane, func.avg(Pool.price_per_hour), func.avg(Pool.watts)).group_by(Pool.lane)
    )
    return {lane: Rates(float(price), float(watts)) for lane, price, watts in rows}


def cost(gpu_seconds: float, money: float, watt_hours: float) -> schemas.Cost:
    """In the farm's currency."""
    # The live pump reads jobs in threads without a request, for their counts only.
    currency = farm().settings.currency if has_app_context() else ""
    return schemas.Cost(gpu_seconds=gpu_seconds, money=money, currency=currency, watt_hours=watt_hours)


def expected(row: Any, rates: Mapping[str, Rates]) -> schemas.Cost:
    """What a job's or a render's estimate would cost, by the prices of its lane."""
    price = rates.get(row.lane, Rates())
    return cost(row.estimate, price.money(row.estimate), price.watt_hours(row.estimate))


def spent(row: Any) -> schemas.Cost:
    """What a job or a render has cost so far."""
    return cost(row.gpu_seconds or 0.0, row.money or 0.0, row.watt_hours or 0.0)


def list_usage(connection: Connection, project_id: str, since_day: int) -> list[schemas.UsageDay]:
    """What the project used by UTC day and pool, the newest first, from this day (since 1970) on. One statement.

    What a settle has charged a moment ago and nobody has folded yet is in it.
    """
    day = func.floor(Charge.at / DAY_SECONDS)
    folded = select(Usage.day, Usage.pool, Usage.gpu_seconds, Usage.money, Usage.watt_hours, Usage.renders).where(
        Usage.project_id == project_id, Usage.day >= since_day
    )
    fresh = (
        select(
            day,
            Charge.pool,
            Charge.spent,
            Charge.spent / 3600 * Pool.price_per_hour,
            Charge.spent / 3600 * Pool.watts,
            Charge.renders,
        )
        .join(Flow, Flow.id == Charge.flow_id)
        .join(Pool, Pool.name == Charge.pool)
        .where(Flow.project_id == project_id, Charge.at >= since_day * DAY_SECONDS)
    )
    rows = union_all(folded, fresh).subquery()
    columns = list(rows.c)
    statement = (
        select(columns[0], columns[1], *(func.sum(column) for column in columns[2:]))
        .group_by(columns[0], columns[1])
        .order_by(columns[0].desc(), columns[1])
    )
    return [
        schemas.UsageDay(
            day=datetime.fromtimestamp(int(row[0]) * DAY_SECONDS, UTC).strftime("%Y-%m-%d"),
            pool=row[1],
            renders=int(row[5]),
            cost=cost(float(row[2]), float(row[3]), float(row[4])),
        )
        for row in connection.execute(statement)
    ]
