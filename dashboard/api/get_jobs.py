"""GET /api/v1/jobs: the project's jobs, newest first."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import Field

from dashboard.api.common import JOBS, PageQuery, reply
from dashboard.auth import principal
from dashboard.context import farm
from dashboard.cursors import before_job, read_before_job
from dashboard.reads.jobs import list_jobs
from dashboard.schemas import JobPage
from farm.database import read
from farm.lifecycle import JobStatus


class JobsQuery(PageQuery):
    """Which jobs."""

    status: list[JobStatus] = Field([], description="Only jobs in one of these states; may be given several times")


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.get("/jobs", tags=[JOBS], responses={200: JobPage})
    def get_jobs(query: JobsQuery) -> Response:
        """List jobs, newest first."""
        with read(farm().engine) as connection:
            items, more = list_jobs(
                connection,
                principal().project_id,
                statuses=query.status,
                before=read_before_job(query.cursor),
                limit=query.limit,
            )
        return reply(JobPage(items=items, next_cursor=before_job(items[-1].id) if more else None))
