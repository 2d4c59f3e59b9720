"""GET /api/v1/jobs/{job_id}: one job."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint

from dashboard.api.common import JOBS, JobPath, reply
from dashboard.auth import principal
from dashboard.context import farm
from dashboard.reads.jobs import find_job
from dashboard.schemas import Job
from farm.database import read


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.get("/jobs/<job_id>", tags=[JOBS], responses={200: Job})
    def get_job(path: JobPath) -> Response:
        """Read a job and its counts."""
        with read(farm().engine) as connection:
            return reply(find_job(connection, principal().project_id, path.job_id))
