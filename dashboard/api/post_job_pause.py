"""POST /api/v1/jobs/{job_id}/pause: hold what waits of a job."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint

from dashboard.api.common import JOBS, JobPath
from dashboard.api.versions import tagged_job
from dashboard.auth import principal
from dashboard.context import farm
from dashboard.reads.ids import known_form
from dashboard.reads.jobs import find_job
from dashboard.schemas import Job
from farm.database import read
from scheduler.control.pause_job import pause_job


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.post("/jobs/<job_id>/pause", tags=[JOBS], responses={200: Job})
    def post_job_pause(path: JobPath) -> Response:
        """Hold the renders of a job that wait; those that run end."""
        who = principal()
        pause_job(farm(), known_form("job", path.job_id), who.project_id)
        with read(farm().engine) as connection:
            return tagged_job(find_job(connection, who.project_id, path.job_id))
