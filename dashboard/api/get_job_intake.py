"""GET /api/v1/jobs/{job_id}/intake: how far the stream of a job is."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint

from dashboard.api.common import JOBS, JobPath, reply
from dashboard.auth import principal
from dashboard.context import farm
from dashboard.reads.intakes import intake_answer
from dashboard.reads.jobs import find_job
from dashboard.schemas import Intake
from farm.database import read
from farm.errors import NotFound
from scheduler.intake.open_stream import read_position


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.get("/jobs/<job_id>/intake", tags=[JOBS], responses={200: Intake})
    def get_job_intake(path: JobPath) -> Response:
        """Read how far the stream of a job is, and where to go on. 404 for a job that came in one piece."""
        with read(farm().engine) as connection:
            job = find_job(connection, principal().project_id, path.job_id)
            position = read_position(connection, job.id)
        if position is None:
            raise NotFound("This job came in one piece; only streams have an intake.")
        return reply(intake_answer(position))
