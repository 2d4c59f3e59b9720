"""POST /api/v1/jobs/{job_id}/class: change how urgent a job is."""

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
from scheduler.control.change_priority_class import change_class


class ClassChange(BaseModel):
    """The class that the job is to have."""

    model_config = ConfigDict(extra="forbid")
    class_name: str = Field(alias="class", max_length=20, description="urgent, normal or bulk")


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.post(
        "/jobs/<job_id>/class", tags=[JOBS], responses={200: Job}, openapi_extensions=json_body(blueprint, ClassChange)
    )
    def post_job_class(path: JobPath) -> Response:
        """Move what waits of a job to another class; what runs ends where it is."""
        who, asked = principal(), ClassChange.model_validate(read_json())
        change_class(farm(), known_form("job", path.job_id), asked.class_name, who.project_id)
        with read(farm().engine) as connection:
            return tagged_job(find_job(connection, who.project_id, path.job_id))
