"""The page of one job, and its buttons."""

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from dashboard.auth import principal
from dashboard.context import farm, now
from dashboard.cursors import after_render, read_after_render
from dashboard.reads.forecasts import job_why
from dashboard.reads.ids import known_form
from dashboard.reads.jobs import find_job, list_events
from dashboard.reads.renders import list_renders
from dashboard.web.artifacts import address
from farm.database import read
from scheduler.control import retry
from scheduler.control.cancel import cancel_job
from scheduler.control.cancel import cancel_render as cancel_one_render

blueprint = Blueprint("job", __name__)

PAGE = 60


@blueprint.get("/jobs/<job_id>")
def page(job_id: str) -> ResponseReturnValue:
    """The job, and one page of its renders."""
    cursor = request.args.get("cursor")
    after = read_after_render(cursor)
    project_id = principal().project_id
    with read(farm().engine) as connection:
        job = find_job(connection, project_id, job_id)
        renders, more = list_renders(
            connection,
            project_id,
            job.id,
            after=after,
            limit=PAGE,
            progress=farm().progress.snapshot(job.id) if job.running else {},
            address_of=address,
        )
        submitted = list_events(connection, job.id, 0, 1)
        why = None if job.finished_at else job_why(connection, farm(), project_id, job.id, now())
    return render_template(
        "job.html",
        job=job,
        why=why,
        classes=list(farm().settings.class_shares),
        renders=renders,
        notices=submitted[0].payload.get("notices", []) if submitted else [],
        first_page=cursor is None,
        cursor=cursor,
        behind=after_render(renders[-1].index) if more else None,
    )


@blueprint.post("/jobs/<job_id>/cancel")
def cancel(job_id: str) -> ResponseReturnValue:
    """Cancel what has not ended."""
    cancel_job(farm(), known_form("job", job_id), principal().project_id)
    return redirect(url_for("job.page", job_id=job_id), 303)


@blueprint.post("/renders/<render_id>/cancel")
def cancel_render(render_id: str) -> ResponseReturnValue:
    """Cancel one render."""
    cancel_one_render(farm(), known_form("render", render_id), principal().project_id)
    return redirect(url_for("picture.page", render_id=render_id), 303)


@blueprint.post("/renders/<render_id>/retry")
def retry_render(render_id: str) -> ResponseReturnValue:
    """Let a failed render run again."""
    retry.retry_render(farm(), known_form("render", render_id), principal().project_id)
    return redirect(url_for("picture.page", render_id=render_id), 303)
