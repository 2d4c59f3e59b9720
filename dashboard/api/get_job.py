"""GET /api/v1/jobs/{job_id}: one job."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint

from dashboard.api.common import JOBS, JobPath
from dashboard.api.versions import tagged_job
from dashboard.auth import principal
from dashboard.context import farm, now
from dashboard.reads.forecasts import job_why
from dashboard.reads.jobs import find_job
from dashboard.schemas import Job
from farm.database import read


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.get("/jobs/<job_id>", tags=[JOBS], responses={200: Job, 304: None})
    def get_job(path: JobPath) -> Response:
        """Read a job, its counts, what it cost, and when it will be done."""
        project_id = principal().project_id
        with read(farm().engine) as connection:
            job = find_job(connection, project_id, path.job_id)
            told = None if job.finished_at else job_why(connection, farm(), project_id, job.id, now())
        return tagged_job(job.model_copy(update={"forecast": told.forecast if told else None}))
