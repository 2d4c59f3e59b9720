"""Projects: the list, and a page for each with its people, its limits and what is used of them."""

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from dashboard.api.patch_project import ProjectChange, change_project
from dashboard.api.post_projects import NewProject
from dashboard.auth import may, principal, project_named, project_row
from dashboard.context import farm, now
from dashboard.reads.costs import list_project_use
from dashboard.reads.projects import read_quota
from dashboard.web.admin.asked import asked_for, done, faults_of, is_for_the_form
from farm import accounts
from farm.database import read
from farm.errors import FarmError
from farm.security import Scope
from scheduler.accounting.usage import day_of
from scheduler.control.pause_project import pause_project, resume_project

blueprint = Blueprint("admin_projects", __name__)

#: What each project used is shown for so many days.
DAYS = 30
LIMITS = ("weight", "max_pending", "max_running", "gpu_seconds_per_day", "budget", "retention_days")


@blueprint.get("/admin")
def home() -> ResponseReturnValue:
    """To the first of these pages."""
    return redirect(url_for("admin_projects.index"), 302)


@blueprint.get("/admin/projects")
def index() -> ResponseReturnValue:
    """The projects that one may see: one's own, or for operators and admins all."""
    return _list()


@blueprint.post("/admin/projects")
def add() -> ResponseReturnValue:
    """Make one."""
    typed = {"name": request.form.get("name", ""), "weight": request.form.get("weight", "").strip() or 1.0}
    try:
        asked = asked_for(NewProject, typed)
        accounts.create_project(farm().engine, asked.name, asked.weight, clock=farm().clock)
    except FarmError as refused:
        if not is_for_the_form(refused):
            raise
        return _list(faults_of(refused)), refused.status
    return done(url_for("admin_projects.page", name=asked.name), "project-made", name=asked.name)


@blueprint.get("/admin/projects/<path:name>")
def page(name: str) -> ResponseReturnValue:
    """One project."""
    return _page(name)


@blueprint.post("/admin/projects/<path:name>/limits")
def limit(name: str) -> ResponseReturnValue:
    """Set its weight, quotas and budget; an empty field is no limit."""
    typed = {field: request.form.get(field, "").strip() or None for field in LIMITS}
    try:
        change_project(name, asked_for(ProjectChange, typed))
    except FarmError as refused:
        if not is_for_the_form(refused):
            raise
        return _page(name, faults_of(refused)), refused.status
    return done(url_for("admin_projects.page", name=name), "project-limited", name=name)


@blueprint.post("/admin/projects/<path:name>/pause")
def pause(name: str) -> ResponseReturnValue:
    """Let nothing of it start any more."""
    pause_project(farm(), project_named(name))
    return done(url_for("admin_projects.page", name=name), "project-paused", name=name)


@blueprint.post("/admin/projects/<path:name>/resume")
def resume(name: str) -> ResponseReturnValue:
    """Let it go on."""
    resume_project(farm(), project_named(name))
    return done(url_for("admin_projects.page", name=name), "project-resumed", name=name)


def _list(faults: list[str] | None = None) -> str:
    who, operator = principal(), may(Scope.OPERATE)
    rows = accounts.list_projects(farm().engine)
    use = {}
    if operator:
        with read(farm().engine) as connection:
            use = {item.project: item for item in list_project_use(connection, day_of(now()) - DAYS + 1)}
    return render_template(
        "admin_projects.html",
        projects=[row for row in rows if operator or row.id == who.project_id],
        use=use,
        days=DAYS,
        operator=operator,
        admin=may(Scope.ADMIN),
        faults=faults,
        typed=request.form,
    )


def _page(name: str, faults: list[str] | None = None) -> str:
    project_id = project_named(name)
    with read(farm().engine) as connection:
        quota = read_quota(connection, project_id, now())
    project = project_row(project_id)
    known = {field: getattr(quota, field, None) for field in LIMITS}
    known |= {"weight": project.weight, "retention_days": project.retention_days}
    values = {field: "" if value is None else _typed(value) for field, value in known.items()}
    return render_template(
        "admin_project.html",
        project=project,
        quota=quota,
        values=request.form if faults else values,
        members=accounts.list_users(farm().engine, name, clock=farm().clock),
        own=project_id == principal().project_id,
        admin=may(Scope.ADMIN),
        faults=faults,
    )


def _typed(value: float) -> str:
    """A number as somebody would have typed it: '5000', '0.5'."""
    return str(int(value)) if float(value).is_integer() else str(value)
