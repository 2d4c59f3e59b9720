"""GET /api/v1/jobs/{job_id}/renders: the renders of a job."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint

from dashboard.api.common import JOBS, JobPath, PageQuery, reply, signed_link
from dashboard.auth import principal
from dashboard.context import farm
from dashboard.cursors import after_render, read_after_render
from dashboard.reads.jobs import find_job
from dashboard.reads.renders import list_renders
from dashboard.schemas import RenderPage
from farm.database import read


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.get("/jobs/<job_id>/renders", tags=[JOBS], responses={200: RenderPage})
    def get_job_renders(path: JobPath, query: PageQuery) -> Response:
        """List the renders of a job in the order of their index, with links to their files."""
        after = read_after_render(query.cursor)
        with read(farm().engine) as connection:
            job = find_job(connection, principal().project_id, path.job_id)
            items, more = list_renders(
                connection,
                principal().project_id,
                job.id,
                after=after,
                limit=query.limit,
                progress=farm().progress.snapshot(job.id) if job.running else {},
                address_of=signed_link,
            )
        return reply(RenderPage(items=items, next_cursor=after_render(items[-1].index) if more else None))
