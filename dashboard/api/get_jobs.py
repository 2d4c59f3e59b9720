"""GET /api/v1/jobs: the project's jobs, newest first."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import Field
from sqlalchemy import Connection

from dashboard.api.common import JOBS, Instant, Line, PageQuery, TagName, seconds
from dashboard.api.versions import tagged
from dashboard.auth import principal
from dashboard.context import farm
from dashboard.cursors import NewestFirst, older_than, read_older_than
from dashboard.reads.job_filters import JobFilter
from dashboard.reads.jobs import list_jobs
from dashboard.reads.known_names import KnownNames
from dashboard.schemas import JobPage
from farm.database import read
from farm.lifecycle import JobStatus
from farm.verification.second_renders import SecondRenders
from scheduler.gallery.marks import normal_tag


class JobsQuery(PageQuery):
    """Which jobs: all that is given must hold."""

    status: list[JobStatus] = Field([], description="Only jobs in one of these states; may be given several times")
    model: list[Line] = Field([], max_length=10, description="Only of one of these models; may be given several times")
    class_name: Line | None = Field(None, alias="class", description="Only of this class: urgent, normal or bulk")
    user: Line | None = Field(None, description="Only what this user submitted, by name")
    text: Line | None = Field(None, description="Only jobs whose title, by default the first prompt, holds this text")
    tag: list[TagName] = Field(
        [], max_length=10, description="Only jobs with renders that have this tag; of several tags all"
    )
    drafted: bool = Field(False, description="Only jobs with drafts that wait for a choice")
    created_after: Instant | None = Field(None, description="Submitted then or later; ISO 8601 with zone")
    created_before: Instant | None = Field(None, description="Submitted before")
    finished_after: Instant | None = Field(None, description="Ended then or later")
    finished_before: Instant | None = Field(None, description="Ended before")
    deleted: bool = Field(False, description="Those that were deleted and are not removed yet, instead of all others")
    verifications: SecondRenders = Field(
        SecondRenders.WITHOUT,
        description="Jobs of verifications of whose renders nobody has marked one: left out, shown too, or all jobs of "
        "verifications and no others; of deleted jobs they are shown",
    )

    def chosen(self) -> JobFilter:
        """The same for the database."""
        return JobFilter(
            statuses=tuple(self.status),
            models=tuple(self.model),
            class_name=self.class_name,
            user=self.user,
            text=self.text,
            tags=tuple(normal_tag(tag) for tag in self.tag),
            drafted=self.drafted,
            created_after=seconds(self.created_after),
            created_before=seconds(self.created_before),
            finished_after=seconds(self.finished_after),
            finished_before=seconds(self.finished_before),
            deleted=self.deleted,
            verifications=self.verifications,
        )


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.get("/jobs", tags=[JOBS], responses={200: JobPage, 304: None})
    def get_jobs(query: JobsQuery) -> Response:
        """List jobs, newest first."""
        project_id = principal().project_id
        with read(farm().engine) as connection:
            _check_names(connection, project_id, query)
            items, more = list_jobs(
                connection,
                project_id,
                chosen=query.chosen(),
                before=read_older_than(NewestFirst.JOBS, query.cursor),
                limit=query.limit,
            )
        return tagged(JobPage(items=items, next_cursor=older_than(NewestFirst.JOBS, items[-1].id) if more else None))


def _check_names(connection: Connection, project_id: str, query: JobsQuery) -> None:
    known = KnownNames(farm(), connection, project_id)
    known.models(query.model)
    known.class_name(query.class_name)
    known.user(query.user)
    known.check()
