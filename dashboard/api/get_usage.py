"""GET /api/v1/usage: what the project used."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import ConfigDict, Field

from dashboard.api.common import FARM, Line, reply
from dashboard.auth import principal, project_named
from dashboard.context import farm, now
from dashboard.reads.costs import Prices, list_usage
from dashboard.schemas import Usage
from dashboard.schemas.base import RequestPart
from farm.database import read
from scheduler.accounting.usage import day_of


class UsageQuery(RequestPart):
    """Which days."""

    model_config = ConfigDict(extra="forbid")
    days: int = Field(30, ge=1, le=366, description="So many days (UTC) up to today")
    project: Line | None = Field(None, description="For operators: of this project, by its name")


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.get("/usage", tags=[FARM], responses={200: Usage})
    def get_usage(query: UsageQuery) -> Response:
        """List what your project used by day and pool, the newest day first: GPU-seconds, money and energy.

        Operators name any project.
        """
        project_id = principal().project_id if query.project is None else project_named(query.project)
        with read(farm().engine) as connection:
            items = list_usage(connection, project_id, day_of(now()) - query.days + 1)
        costs = [item.cost for item in items]
        total = Prices(farm().settings.currency, {}).cost(
            sum(found.gpu_seconds for found in costs),
            sum(found.money for found in costs),
            sum(found.watt_hours for found in costs),
        )
        return reply(Usage(items=items, renders=sum(item.renders for item in items), total=total))
