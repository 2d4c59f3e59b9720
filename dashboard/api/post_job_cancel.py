"""POST /api/v1/jobs/{job_id}/cancel: stop a job."""

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
from scheduler.control.cancel import cancel_job


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.post("/jobs/<job_id>/cancel", tags=[JOBS], responses={200: Job})
    def post_job_cancel(path: JobPath) -> Response:
        """Cancel all renders of a job that have not ended. What is done stays.

        Of a large job most end in the background, as `ending` says; nothing of them is begun.
        """
        who = principal()
        cancel_job(farm(), known_form("job", path.job_id), who.project_id)
        with read(farm().engine) as connection:
            return tagged_job(find_job(connection, who.project_id, path.job_id))
