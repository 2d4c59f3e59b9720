"""The page of one job, and its buttons."""

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection

from dashboard.archive.archive import MOST_FILES
from dashboard.auth import principal, safe_next
from dashboard.context import farm, now
from dashboard.cursors import after_render
from dashboard.grid.axes import is_sweep
from dashboard.reads.forecasts import job_why
from dashboard.reads.gallery.listing import GalleryFilter
from dashboard.reads.gallery.scores import failed_reasons
from dashboard.reads.ids import known_form
from dashboard.reads.jobs import find_job, list_events
from dashboard.schemas import Job
from dashboard.web.job.grid import Grid, read_grid
from dashboard.web.job.render_list import JobList, counts_of, read_list
from farm.client.files.file_names import DEFAULT_PATTERN, FIELDS
from farm.database import read
from farm.scorers import is_deferred
from scheduler.control import retry
from scheduler.control.cancel import cancel_job
from scheduler.control.cancel import cancel_render as cancel_one_render

blueprint = Blueprint("job", __name__)


@blueprint.get("/jobs/<job_id>")
def page(job_id: str) -> ResponseReturnValue:
    """The job, and its renders: as a grid where it is a sweep, or else one page of a list."""
    project_id = principal().project_id
    with read(farm().engine) as connection:
        job = find_job(connection, project_id, job_id)
        grid = read_grid(connection, job, now()) if _wants_grid(job.request) else None
        if grid is not None and grid.layout is None and "view" not in request.args:
            grid = None  # it only looked like one
        renders = read_list(connection, job) if grid is None else None
        submitted = list_events(connection, job.id, 0, 1)
        unscored = _unscored(connection, job)
        why = None if job.finished_at else job_why(connection, farm(), project_id, job.id, now())
    return render_template(
        "job.html",
        job=job,
        why=why,
        unscored=unscored,
        classes=list(farm().settings.class_shares),
        grid=grid,
        listed=renders,
        renders=renders.renders if renders else [],
        counts=counts_of(job),
        name_fields=FIELDS,
        name_pattern=DEFAULT_PATTERN,
        most_files=MOST_FILES,
        sheet=_sheet_of(job.id, grid, renders),
        notices=submitted[0].payload.get("notices", []) if submitted else [],
    )


def _unscored(connection: Connection, job: Job) -> dict[str, int]:
    """Why renders have no figure by the job's own scorer, and how many; it scores beside the workers."""
    scorer = job.request.get("scorer")
    if scorer is None or not is_deferred(scorer):
        return {}
    return failed_reasons(connection, principal().project_id, GalleryFilter(job=job.id), scorer)


def _wants_grid(asked: dict[str, object]) -> bool:
    """By the address; where that says nothing, a sweep is a grid, unless its drafts wait for buttons to be pressed."""
    if request.args.get("view") is not None:
        return request.args["view"] == "grid"
    return is_sweep(asked) and "stop_at_step" not in asked and not request.args.keys() & {"status", "page", "cursor"}


def _sheet_of(job_id: str, grid: Grid | None, listed: JobList | None) -> str:
    """Where the contact sheet of what the page shows is."""
    if grid is not None and grid.layout is not None:
        return url_for("sheet.page", job_id=job_id, **grid.layout.address(view=None))
    after = listed.first_index if listed is not None and listed.show == "all" else -1
    return url_for("sheet.page", job_id=job_id, cursor=after_render(after) if after >= 0 else None)


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
    """Let a failed render run again, and go back to the page whose button it was."""
    retry.retry_render(farm(), known_form("render", render_id), principal().project_id)
    back = request.form.get("back")
    return redirect(safe_next(back) if back else url_for("picture.page", render_id=render_id), 303)
