"""POST /api/v1/jobs/{job_id}/keep: choose drafts that go on, and stop their siblings."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import BaseModel, ConfigDict, Field

from dashboard.api.common import JOBS, JobPath, json_body, reply
from dashboard.auth import principal
from dashboard.context import farm
from dashboard.http.bodies import read_json
from dashboard.reads.ids import known_form
from dashboard.schemas import Kept
from scheduler.control.choose_drafts import Siblings, keep_drafts


class Choice(BaseModel):
    """Which renders of the job go on."""

    model_config = ConfigDict(extra="forbid")
    renders: list[str] = Field(description="Ids of renders that stopped at a draft", min_length=1, max_length=500)
    stop: Siblings | None = Field(
        None, description="What ends meanwhile: 'prompt' other renders of the same prompt, 'job' all others; null none"
    )


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.post(
        "/jobs/<job_id>/keep", tags=[JOBS], responses={200: Kept}, openapi_extensions=json_body(blueprint, Choice)
    )
    def post_job_keep(path: JobPath) -> Response:
        """Let drafts go on from their step; with `stop`, cancel the other renders. What is done stays."""
        asked, job_id = Choice.model_validate(read_json()), known_form("job", path.job_id)
        chosen = keep_drafts(farm(), job_id, asked.renders, principal().project_id, stop=asked.stop)
        return reply(Kept(kept=chosen.kept, stopped=chosen.stopped))
