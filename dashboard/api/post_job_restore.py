"""POST /api/v1/jobs/{job_id}/restore: keep a job that was deleted."""

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
from scheduler.control.delete_job import restore_job


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.post("/jobs/<job_id>/restore", tags=[JOBS], responses={200: Job})
    def post_job_restore(path: JobPath) -> Response:
        """Keep a deleted job after all, before its time has come. One that is not deleted stays as it is."""
        who = principal()
        restore_job(farm(), known_form("job", path.job_id), who.project_id)
        with read(farm().engine) as connection:
            return tagged_job(find_job(connection, who.project_id, path.job_id))
