"""What jobs and renders cost, and what projects used, as people see it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, func, select, union_all

from dashboard import schemas
from dashboard.context import farm
from farm.tables import Charge, Flow, Pool, Project, Usage
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


#: One row a lane: `price_per_hour` and `watts`.
LANE_RATES = select(
    Pool.lane, func.avg(Pool.price_per_hour).label("price_per_hour"), func.avg(Pool.watts).label("watts")
).group_by(Pool.lane)


def read_prices(connection: Connection) -> Prices:
    """One statement over all pools."""
    return prices_of(connection.execute(LANE_RATES))


def prices_of(rows: Iterable[Any], currency: str | None = None) -> Prices:
    """The prices of rows that have the columns of LANE_RATES. `currency`: given by threads that serve no request."""
    # A lane that has no pool, or none any more, may be joined to nothing.
    lanes = {row.lane: Rates(float(row.price_per_hour or 0.0), float(row.watts or 0.0)) for row in rows}
    return Prices(currency or farm().settings.currency, lanes)


def list_usage(connection: Connection, project_id: str, since_day: int) -> list[schemas.UsageDay]:
    """What the project used by UTC day and pool, the newest first, from this day (since 1970) on. One statement.

    What a settle has charged a moment ago and nobody has folded yet is in it.
    """
    rows = _used(since_day, project_id).subquery()
    sums = (func.sum(column) for column in (rows.c.gpu_seconds, rows.c.money, rows.c.watt_hours, rows.c.renders))
    statement = (
        select(rows.c.day, rows.c.pool, *sums)
        .group_by(rows.c.day, rows.c.pool)
        .order_by(rows.c.day.desc(), rows.c.pool)
    )
    prices = Prices(farm().settings.currency, {})
    return [
        schemas.UsageDay(
            day=datetime.fromtimestamp(int(row[0]) * DAY_SECONDS, UTC).strftime("%Y-%m-%d"),
            pool=row[1],
            renders=int(row[5]),
            cost=prices.cost(float(row[2]), float(row[3]), float(row[4])),
        )
        for row in connection.execute(statement)
    ]


def list_project_use(connection: Connection, since_day: int) -> list[schemas.ProjectUse]:
    """What each project used from this UTC day on, the dearest first; those that used nothing, too. One statement."""
    rows = _used(since_day).subquery()
    sums = [func.coalesce(func.sum(rows.c[name]), 0) for name in ("gpu_seconds", "money", "watt_hours", "renders")]
    statement = (
        select(Project.name, *sums)
        .outerjoin(rows, rows.c.project_id == Project.id)
        .group_by(Project.name)
        .order_by(sums[1].desc(), sums[0].desc(), Project.name)
    )
    prices = Prices(farm().settings.currency, {})
    return [
        schemas.ProjectUse(
            project=row[0], renders=int(row[4]), cost=prices.cost(float(row[1]), float(row[2]), float(row[3]))
        )
        for row in connection.execute(statement)
    ]


def _used(since_day: int, project_id: str | None = None) -> Any:
    """Rows of `usage` and the charges that are not folded into it yet, of a project or of all."""
    folded = select(
        Usage.project_id, Usage.day, Usage.pool, Usage.gpu_seconds, Usage.money, Usage.watt_hours, Usage.renders
    ).where(Usage.day >= since_day)
    fresh = (
        select(
            Flow.project_id,
            func.floor(Charge.at / DAY_SECONDS),
            Charge.pool,
            Charge.spent,
            cost(Charge.spent, Pool.price_per_hour),
            cost(Charge.spent, Pool.watts),
            Charge.renders,
        )
        .join(Flow, Flow.id == Charge.flow_id)
        .join(Pool, Pool.name == Charge.pool)
        .where(Charge.at >= since_day * DAY_SECONDS)
    )
    if project_id is not None:
        folded = folded.where(Usage.project_id == project_id)
        fresh = fresh.where(Flow.project_id == project_id)
    return union_all(folded, fresh)
