"""GET /api/v1/usage/projects: what each project used."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import ConfigDict, Field

from dashboard.api.common import FARM, reply
from dashboard.context import farm, now
from dashboard.reads.costs import list_project_use
from dashboard.schemas import ProjectUseList
from dashboard.schemas.base import RequestPart
from farm.database import read
from scheduler.accounting.usage import day_of


class ProjectUseQuery(RequestPart):
    """Which days."""

    model_config = ConfigDict(extra="forbid")
    days: int = Field(30, ge=1, le=366, description="So many days (UTC) up to today")


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.get("/usage/projects", tags=[FARM], responses={200: ProjectUseList})
    def get_usage_projects(query: ProjectUseQuery) -> Response:
        """List what each project used, the dearest first. For operators."""
        with read(farm().engine) as connection:
            items = list_project_use(connection, day_of(now()) - query.days + 1)
        return reply(ProjectUseList(items=items))
