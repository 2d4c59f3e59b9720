"""POST /api/v1/jobs/{job_id}/order: put a job before others of its project."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import BaseModel, ConfigDict, Field

from dashboard.api.common import JOBS, JobPath, json_body
from dashboard.api.versions import tagged_job
from dashboard.auth import principal
from dashboard.context import farm
from dashboard.http.bodies import read_json
from dashboard.reads.ids import known_form
from dashboard.reads.jobs import find_job
from dashboard.schemas import Job
from farm.database import read
from scheduler.control.reorder import Place, reorder_job


class OrderChange(BaseModel):
    """Where the job is to stand: one of the two is given."""

    model_config = ConfigDict(extra="forbid")
    place: Place | None = Field(None, description="front or back")
    before: str | None = Field(None, description="Id of the job that it is to stand before")


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.post(
        "/jobs/<job_id>/order", tags=[JOBS], responses={200: Job}, openapi_extensions=json_body(blueprint, OrderChange)
    )
    def post_job_order(path: JobPath) -> Response:
        """Put a job to the front or the back of its project's line (model and class), or before another job."""
        who, asked = principal(), OrderChange.model_validate(read_json())
        before = None if asked.before is None else known_form("job", asked.before)
        reorder_job(farm(), known_form("job", path.job_id), who.project_id, place=asked.place, before=before)
        with read(farm().engine) as connection:
            return tagged_job(find_job(connection, who.project_id, path.job_id))
