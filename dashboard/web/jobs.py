"""The list of jobs."""

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from dashboard.auth import principal
from dashboard.context import farm
from dashboard.cursors import NewestFirst, older_than, read_older_than
from dashboard.reads.gallery.marks import used_tags
from dashboard.reads.job_filters import JobFilter
from dashboard.reads.jobs import draft_counts, first_thumbnails, list_jobs
from farm.database import read
from farm.lifecycle import JobStatus
from farm.verification.second_renders import SecondRenders
from scheduler.gallery.marks import LONGEST_TAG, normal_tag

blueprint = Blueprint("jobs", __name__)

PAGE = 20
#: Offered in a list; others can be typed into the address.
MOST_TAGS = 100
#: What one may filter by, as the page calls it.
FILTERS: dict[str, tuple[JobStatus, ...]] = {
    "all": (),
    "active": (JobStatus.ADMITTING, JobStatus.OPEN, JobStatus.PAUSED),
    "drafts": (),
    "done": (JobStatus.DONE,),
    "failed": (JobStatus.FAILED, JobStatus.PARTIAL),
    "cancelled": (JobStatus.CANCELLED, JobStatus.EXPIRED),
    "verifications": (),
    "deleted": (),
}


@blueprint.get("/")
def home() -> ResponseReturnValue:
    """The list of jobs is where people start."""
    return redirect(url_for("jobs.index"))


@blueprint.get("/jobs")
def index() -> ResponseReturnValue:
    """One page of the project's jobs, newest first."""
    show = request.args.get("show", "all")
    show = show if show in FILTERS else "all"
    cursor, tag = request.args.get("cursor"), request.args.get("tag", "").strip()[:LONGEST_TAG]
    tag = normal_tag(tag) if tag.isprintable() else ""
    chosen = JobFilter(
        statuses=FILTERS[show],
        drafted=show == "drafts",
        deleted=show == "deleted",
        verifications=SecondRenders.ONLY if show == "verifications" else SecondRenders.WITHOUT,
        tags=(tag,) if tag else (),
    )
    with read(farm().engine) as connection:
        found, more = list_jobs(
            connection,
            principal().project_id,
            chosen=chosen,
            before=read_older_than(NewestFirst.JOBS, cursor),
            limit=PAGE,
        )
        thumbnails = first_thumbnails(connection, [job.id for job in found])
        drafts = draft_counts(connection, [job.id for job in found])
        tags = used_tags(connection, principal().project_id)[:MOST_TAGS]
    return render_template(
        "jobs.html",
        jobs=found,
        thumbnails=thumbnails,
        filters=list(FILTERS),
        show=show,
        drafts=drafts,
        tag=tag,
        tags=tags,
        first_page=cursor is None,
        older=older_than(NewestFirst.JOBS, found[-1].id) if more else None,
    )
