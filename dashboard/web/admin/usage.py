"""Use and costs: of one's project, or for operators of any, by day and pool."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from dashboard.auth import may, principal, project_named, project_row
from dashboard.charts.svg import MOST_SERIES, stacked_bars
from dashboard.context import farm, now
from dashboard.reads.costs import list_project_use, list_usage
from dashboard.schemas import UsageDay
from dashboard.translations.said import gettext
from farm import accounts
from farm.database import read
from farm.security import Scope
from scheduler.accounting.usage import DAY_SECONDS, day_of

blueprint = Blueprint("admin_usage", __name__)

PERIODS = (7, 30, 90, 365)


@blueprint.get("/admin/usage")
def index() -> ResponseReturnValue:
    """Charts of GPU time and money by day, and the figures."""
    asked, operator = request.args.get("project"), may(Scope.OPERATE)
    project_id = project_named(asked) if asked else principal().project_id
    days = next((days for days in PERIODS if str(days) == request.args.get("days")), 30)
    today = day_of(now())
    with read(farm().engine) as connection:
        items = list_usage(connection, project_id, today - days + 1)
        projects = list_project_use(connection, today - days + 1) if operator else []
    pools = _pools(items)
    hours, money = farm().cpu_work(partial(_draw, items, pools, today, days)) if items else (None, None)
    return render_template(
        "admin_usage.html",
        project=project_row(project_id).name,
        names=[row.name for row in accounts.list_projects(farm().engine)] if operator else [],
        items=items[:400],
        left_out=max(0, len(items) - 400),
        projects=projects,
        pools=pools,
        hours=hours,
        money=money if any(item.cost.money for item in items) else None,
        totals=_totals(items),
        days=days,
        periods=PERIODS,
        currency=farm().settings.currency,
        operator=operator,
    )


def _totals(items: Sequence[UsageDay]) -> dict[str, float]:
    return {
        "renders": sum(item.renders for item in items),
        "gpu_seconds": sum(item.cost.gpu_seconds for item in items),
        "money": sum(item.cost.money for item in items),
        "watt_hours": sum(item.cost.watt_hours for item in items),
    }


def _pools(items: Sequence[UsageDay]) -> list[str]:
    """The pools that were used most, in the order of their colours; those beyond are the last, 'others'."""
    used: dict[str, float] = {}
    for item in items:
        used[item.pool] = used.get(item.pool, 0.0) + item.cost.gpu_seconds
    ranked = sorted(used, key=lambda pool: -used[pool])
    return ranked if len(ranked) <= MOST_SERIES else [*ranked[: MOST_SERIES - 1], gettext("others")]


def _draw(items: Sequence[UsageDay], pools: Sequence[str], today: int, days: int) -> tuple[Markup, Markup]:
    """Bars of a day each, or of a week where there are too many to be seen."""
    width = 1 if days <= 90 else 7
    count = -(-days // width)
    first = today - count * width + 1
    starts = [datetime.fromtimestamp((first + number * width) * DAY_SECONDS, UTC) for number in range(count)]
    hours = {pool: [0.0] * count for pool in pools}
    money = {pool: [0.0] * count for pool in pools}
    for item in items:
        day = int(datetime.fromisoformat(item.day).replace(tzinfo=UTC).timestamp() // DAY_SECONDS)
        place, pool = (day - first) // width, item.pool if item.pool in hours else pools[-1]
        hours[pool][place] += item.cost.gpu_seconds / 3600
        money[pool][place] += item.cost.money
    labels = [f"{start:%Y-%m-%d}"[5:] for start in starts]
    return _bars(hours, labels), _bars(money, labels)


def _bars(series: Mapping[str, Sequence[float]], labels: Sequence[str]) -> Markup:
    said = ", ".join(f"{pool}: {sum(values):.4g}" for pool, values in series.items())
    return stacked_bars({pool: [round(value, 4) for value in values] for pool, values in series.items()}, labels, said)
