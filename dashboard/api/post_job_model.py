"""POST /api/v1/jobs/{job_id}/model: let another model render a job."""

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
from scheduler.control.change_model import transfer_job


class ModelChange(BaseModel):
    """The model that is to render the job."""

    model_config = ConfigDict(extra="forbid")
    model: str = Field(max_length=200, description="A name of GET /api/v1/models, of the same family")


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.post(
        "/jobs/<job_id>/model", tags=[JOBS], responses={200: Job}, openapi_extensions=json_body(blueprint, ModelChange)
    )
    def post_job_model(path: JobPath) -> Response:
        """Move what waits of a job to another model of the same family. Refused where it does not fit."""
        who, asked = principal(), ModelChange.model_validate(read_json())
        transfer_job(farm(), known_form("job", path.job_id), asked.model, who.project_id)
        with read(farm().engine) as connection:
            return tagged_job(find_job(connection, who.project_id, path.job_id))
