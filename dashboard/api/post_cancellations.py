"""POST /api/v1/cancellations: stop all that a filter finds."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from dashboard.api.common import JOBS, Line, json_body, reply, seconds
from dashboard.auth import may, principal, project_named
from dashboard.context import farm
from dashboard.http.bodies import read_json
from dashboard.reads.ids import known_form
from dashboard.reads.known_names import KnownNames
from dashboard.schemas import Cancelled
from farm.database import read
from farm.lifecycle import RenderStatus
from farm.security import Scope
from scheduler.control.cancel import cancel_filtered
from scheduler.control.filters import RenderFilter


class Cancellation(BaseModel):
    """What to cancel: all that is given must hold, and something must be given."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"minProperties": 1})
    dry_run: bool = Field(False, strict=True, description="Only count what would be cancelled")
    jobs: list[str] = Field([], max_length=1000, description="Only of these jobs")
    model: Line | None = None
    lane: Line | None = None
    class_name: Line | None = Field(None, alias="class", description="urgent, normal or bulk")
    status: list[RenderStatus] = Field([], description="Only renders in one of these states")
    created_before: AwareDatetime | None = Field(None, description="Only of jobs submitted before; ISO 8601 with zone")
    created_after: AwareDatetime | None = Field(None, description="Only of jobs submitted then or later")
    text: Line | None = Field(None, description="Only renders whose prompt holds this text")
    project: Line | None = Field(None, description="For operators: only of this project")
    all_projects: bool = Field(False, strict=True, description="For operators: not only of their own project")


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.post(
        "/cancellations",
        tags=[JOBS],
        responses={200: Cancelled},
        openapi_extensions=json_body(blueprint, Cancellation),
    )
    def post_cancellations() -> Response:
        """Cancel every render that has not ended and that the filter finds; with dry_run count them only."""
        asked = Cancellation.model_validate(read_json())
        chosen = RenderFilter(
            project_id=_project(asked),
            job_ids=tuple(known_form("job", job_id) for job_id in asked.jobs),
            model=asked.model,
            lane=asked.lane,
            class_name=asked.class_name,
            statuses=tuple(asked.status),
            created_before=seconds(asked.created_before),
            created_after=seconds(asked.created_after),
            text=asked.text,
        )
        with read(farm().engine) as connection:
            known = KnownNames(farm(), connection, chosen.project_id, "")
            known.models([chosen.model])
            known.class_name(chosen.class_name)
            known.lane(chosen.lane)
            known.check()
        found = cancel_filtered(farm(), chosen, dry_run=asked.dry_run)
        answer = Cancelled(jobs=found.jobs, renders=found.renders, ending=found.ending, dry_run=asked.dry_run)
        return reply(answer)


def _project(asked: Cancellation) -> str | None:
    """The project whose renders are meant; None: all, which only an operator may mean."""
    if asked.project is not None:
        return project_named(asked.project)
    if asked.all_projects and may(Scope.OPERATE):
        return None
    return principal().project_id
