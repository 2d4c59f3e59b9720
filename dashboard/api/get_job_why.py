"""GET /api/v1/jobs/{job_id}/why: why a job is where it is."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint

from dashboard.api.common import JOBS, JobPath, reply
from dashboard.auth import principal
from dashboard.context import farm, now
from dashboard.reads.forecasts import job_why
from dashboard.schemas import Why
from farm.database import read


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.get("/jobs/<job_id>/why", tags=[JOBS], responses={200: Why})
    def get_job_why(path: JobPath) -> Response:
        """Say why a job waits, or what it does, in one sentence and as data; and when it starts and ends.

        Places and times are approximate: others may submit, and workers come and go.
        """
        with read(farm().engine) as connection:
            return reply(job_why(connection, farm(), principal().project_id, path.job_id, now()))
