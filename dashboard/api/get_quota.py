"""GET /api/v1/quota: what the project may have, and what it has."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import ConfigDict, Field

from dashboard.api.common import FARM, Line, reply
from dashboard.auth import principal, project_named
from dashboard.context import farm, now
from dashboard.reads.projects import read_quota
from dashboard.schemas import Quota
from dashboard.schemas.base import RequestPart
from farm.database import read


class QuotaQuery(RequestPart):
    """Whose limits."""

    model_config = ConfigDict(extra="forbid")
    project: Line | None = Field(None, description="For operators: of this project, by its name")


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.get("/quota", tags=[FARM], responses={200: Quota})
    def get_quota(query: QuotaQuery) -> Response:
        """Read the limits of your project, and how much of each is used. A limit of null is none."""
        project_id = principal().project_id if query.project is None else project_named(query.project)
        with read(farm().engine) as connection:
            return reply(read_quota(connection, project_id, now()))
