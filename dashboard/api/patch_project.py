"""PATCH /api/v1/projects/{name}: its weight, quotas, budget, and how long its jobs are kept."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import BaseModel, ConfigDict, Field

from dashboard.api.common import PROJECTS, NamePath, json_body, reply
from dashboard.auth import project_named, project_row
from dashboard.context import farm
from dashboard.http.bodies import read_json
from dashboard.schemas import Project
from dashboard.schemas.users import shown_project
from farm.accounts.names import LEAST_WEIGHT, MOST_WEIGHT
from farm.errors import Fault, InvalidRequest
from farm.security import Scope
from scheduler.accounting.project_limits import save_limits

#: As the columns of whole numbers hold.
_MOST = 2**31 - 1


class ProjectChange(BaseModel):
    """What is to be different; what is left out stays, a limit of null is none."""

    model_config = ConfigDict(extra="forbid", strict=True)
    weight: float | None = Field(
        None, ge=LEAST_WEIGHT, le=MOST_WEIGHT, description="Its part in the fair share, beside the others'"
    )
    max_pending: int | None = Field(None, ge=0, le=_MOST, description="Renders that may wait")
    max_running: int | None = Field(None, ge=0, le=_MOST, description="Renders that may run at once")
    gpu_seconds_per_day: float | None = Field(None, ge=0, le=_MOST, description="From midnight UTC")
    budget: float | None = Field(None, ge=0, le=_MOST, description="Money in all; then nothing more is admitted")
    retention_days: float | None = Field(None, ge=0, le=_MOST, description="Ended jobs are kept so long")


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.patch(
        "/projects/<path:name>",
        tags=[PROJECTS],
        responses={200: Project},
        openapi_extensions=json_body(blueprint, ProjectChange),
    )
    def patch_project(path: NamePath) -> Response:
        """Set weight, quotas and budget of a project; they count from the next submission on. For admins."""
        project_id = change_project(path.name, ProjectChange.model_validate(read_json()))
        return reply(shown_project(project_row(project_id)))


def change_project(name: str, asked: ProjectChange) -> str:
    """Write what is asked for; the project's id. Raises NotFound, InvalidRequest."""
    limits = asked.model_dump(include=asked.model_fields_set - {"weight"})
    if "weight" in asked.model_fields_set and asked.weight is None:
        raise InvalidRequest([Fault("/weight", "must be a positive number; seen null")])
    project_id = project_named(name, Scope.ADMIN)
    if limits or asked.weight is not None:
        save_limits(farm(), name, limits, asked.weight)
    return project_id
