"""GET /api/v1/jobs/{job_id}/renders: the renders of a job."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import Field

from dashboard.api.common import JOBS, Instant, JobPath, Line, PageQuery, reply, seconds, signed_link
from dashboard.auth import principal
from dashboard.context import farm
from dashboard.cursors import after_render, read_after_render
from dashboard.reads.jobs import find_job
from dashboard.reads.renders import RenderFilter, list_renders, next_place
from dashboard.schemas import RenderPage
from farm.database import read
from farm.lifecycle import RenderStatus


class RendersQuery(PageQuery):
    """Which renders: all that is given must hold."""

    status: list[RenderStatus] = Field([], description="Only in one of these states; may be given several times")
    text: Line | None = Field(None, description="Only renders whose prompt holds this text")
    finished_after: Instant | None = Field(None, description="Ended then or later; ISO 8601 with zone")
    finished_before: Instant | None = Field(None, description="Ended before")


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.get("/jobs/<job_id>/renders", tags=[JOBS], responses={200: RenderPage})
    def get_job_renders(path: JobPath, query: RendersQuery) -> Response:
        """List the renders of a job in the order of their index, with links to their files.

        With a filter a page may hold less than its limit and yet have a next one: `next_cursor` says so.
        """
        chosen = RenderFilter(
            statuses=tuple(query.status),
            text=query.text,
            finished_after=seconds(query.finished_after),
            finished_before=seconds(query.finished_before),
        )
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
                chosen=chosen,
            )
        place = next_place(chosen, items, more, after=after, total=job.total)
        return reply(RenderPage(items=items, next_cursor=None if place is None else after_render(place)))
