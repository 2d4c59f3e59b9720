"""What jobs and renders cost, and what projects used, as people see it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, func, select, union_all

from dashboard import schemas
from dashboard.context import farm
from farm.tables import Charge, Flow, Pool, Usage
from scheduler.accounting.prices import Rates, cost
from scheduler.accounting.usage import DAY_SECONDS


@dataclass(frozen=True)
class Prices:
    """What a GPU-second costs in each lane (the mean of its pools), and in which currency."""

    currency: str
    lanes: Mapping[str, Rates]

    def cost(self, gpu_seconds: float, money: float, watt_hours: float) -> schemas.Cost:
        """In the farm's currency."""
        return schemas.Cost(gpu_seconds=gpu_seconds, money=money, currency=self.currency, watt_hours=watt_hours)

    def expected(self, row: Any) -> schemas.Cost:
        """What a job's or a render's estimate would cost, by the prices of its lane."""
        price = self.lanes.get(row.lane, Rates())
        return self.cost(row.estimate, price.money(row.estimate), price.watt_hours(row.estimate))

    def spent(self, row: Any) -> schemas.Cost:
        """What a job or a render has cost so far."""
        return self.cost(row.gpu_seconds or 0.0, row.money or 0.0, row.watt_hours or 0.0)


def read_prices(connection: Connection, currency: str | None = None) -> Prices:
    """One statement over all pools. `currency`: given by threads that serve no request."""
    rows = connection.execute(
        select(Pool.lane, func.avg(Pool.price_per_hour), func.avg(Pool.watts)).group_by(Pool.lane)
    )
    lanes = {lane: Rates(float(price), float(watts)) for lane, price, watts in rows}
    return Prices(currency or farm().settings.currency, lanes)


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
            cost(Charge.spent, Pool.price_per_hour),
            cost(Charge.spent, Pool.watts),
            Charge.renders,
        )
        .join(Flow, Flow.id == Charge.flow_id)
        .join(Pool, Pool.name == Charge.pool)
        .where(Flow.project_id == project_id, Charge.at >= since_day * DAY_SECONDS)
    )
    currency = farm().settings.currency
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
            cost=Prices(currency, {}).cost(float(row[2]), float(row[3]), float(row[4])),
        )
        for row in connection.execute(statement)
    ]
