"""POST /api/v1/dead-letters/retry: try failed renders again, one or all that a filter finds."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import BaseModel, ConfigDict, Field

from dashboard.api.common import RENDERS, Line, json_body, reply
from dashboard.auth import principal, require
from dashboard.context import farm
from dashboard.http.bodies import read_json
from dashboard.reads.ids import known_form
from dashboard.reads.known_names import KnownNames
from dashboard.schemas import Retried
from farm.database import read
from farm.errors import Fault, InvalidRequest
from farm.security import Scope
from scheduler.control.dead_letters import LetterFilter, retry_letters


class LetterRetry(BaseModel):
    """What to try again: all that is given must hold, and something must be given."""

    model_config = ConfigDict(extra="forbid")
    renders: list[str] = Field([], max_length=1000, description="Only these renders")
    job: Line | None = Field(None, description="Only of this job")
    model: Line | None = Field(None, description="Only of this model")
    reason: Line | None = Field(None, description="Only with these words in the reason")
    everything: bool = Field(
        False, strict=True, description="All failed renders of the project, if nothing else is given"
    )
    all_projects: bool = Field(False, strict=True, description="For operators: not only of their own project")


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.post(
        "/dead-letters/retry",
        tags=[RENDERS],
        responses={200: Retried},
        openapi_extensions=json_body(blueprint, LetterRetry),
    )
    def post_dead_letters_retry() -> Response:
        """Let failed renders run again; those of paused jobs stay."""
        asked = LetterRetry.model_validate(read_json())
        if not (asked.renders or asked.job or asked.model or asked.reason or asked.everything):
            raise InvalidRequest([Fault("", 'say what is meant: name something, or send {"everything": true}')])
        if asked.all_projects:
            require(Scope.OPERATE)
        chosen = LetterFilter(
            project_id=None if asked.all_projects else principal().project_id,
            render_ids=tuple(known_form("render", render_id) for render_id in asked.renders),
            job_id=known_form("job", asked.job) if asked.job else None,
            model=asked.model,
            reason=asked.reason,
        )
        with read(farm().engine) as connection:
            known = KnownNames(farm(), connection, chosen.project_id, "")
            known.models([chosen.model])
            known.check()
        retried = retry_letters(farm(), chosen)
        return reply(Retried(renders=retried.renders, jobs=retried.jobs, paused_jobs=list(retried.paused)))
