"""DELETE /api/v1/jobs/{job_id}: have an ended job removed."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint

from dashboard.api.common import JOBS, DeletionQuery, JobPath
from dashboard.api.versions import tagged_job
from dashboard.auth import principal
from dashboard.context import farm
from dashboard.reads.ids import known_form
from dashboard.reads.jobs import find_job
from dashboard.schemas import Job
from farm.database import read
from scheduler.control.delete_job import delete_job as mark


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.delete("/jobs/<job_id>", tags=[JOBS], responses={200: Job})
    def delete_job(path: JobPath, query: DeletionQuery) -> Response:
        """Delete an ended job with its files: it leaves the lists now, and is removed a day later.

        Until then it can be read and restored. A job that goes on is refused: cancel it first.
        """
        who = principal()
        mark(farm(), known_form("job", path.job_id), who.project_id, keep_seconds=query.keep_seconds)
        with read(farm().engine) as connection:
            return tagged_job(find_job(connection, who.project_id, path.job_id))
