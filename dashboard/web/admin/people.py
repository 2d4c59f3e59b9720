"""People: who may sign in, with which role; for admins."""

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue

from dashboard.api.patch_user import UserChange, change_user
from dashboard.api.post_users import NewUser, add_user
from dashboard.auth import principal
from dashboard.context import farm
from dashboard.web.admin.asked import asked_for, done, faults_of, is_for_the_form
from farm import accounts
from farm.errors import FarmError, NotFound
from farm.security import Role

blueprint = Blueprint("admin_people", __name__)

#: What a button of a person's row asks for, beside another role.
_CHANGES = {
    "disable": {"disabled": True},
    "enable": {"disabled": False},
    "sign-out": {"end_sessions": True},
}


@blueprint.get("/admin/people")
def index() -> ResponseReturnValue:
    """Everybody, by name."""
    return _page()


@blueprint.post("/admin/people")
def add() -> ResponseReturnValue:
    """Let a person come in."""
    form = request.form
    typed = {field: form.get(field, "") for field in ("name", "project", "role")}
    password = form.get("password", "")
    try:
        add_user(asked_for(NewUser, typed | ({"password": password} if password else {})))
    except FarmError as refused:
        if not is_for_the_form(refused) and refused.status != 404:
            raise
        return _page(faults_of(refused)), 422 if refused.status == 404 else refused.status
    return done(url_for("admin_people.index"), "person-added", name=typed["name"], password=bool(password))


@blueprint.post("/admin/people/<path:name>")
def change(name: str) -> ResponseReturnValue:
    """Give another role or a new password, shut out, let in again, or sign out everywhere."""
    do, form = request.form.get("do", ""), request.form
    typed: dict[str, object] = dict(_CHANGES.get(do, {}))
    if do == "role":
        typed = {"role": form.get("role", "")}
    if do == "password":
        typed = {"password": form.get("password", "")}
    before = next((row.role for row in accounts.list_users(farm().engine, clock=farm().clock) if row.name == name), "")
    try:
        change_user(_known(name), asked_for(UserChange, typed))
    except FarmError as refused:
        if not is_for_the_form(refused):
            raise
        return _page(faults_of(refused)), refused.status
    return done(url_for("admin_people.index"), f"person-{do}", name=name, role=form.get("role"), before=before)


@blueprint.post("/admin/people/<path:name>/remove")
def remove(name: str) -> ResponseReturnValue:
    """Forget a person, with sessions and keys; the jobs stay with the project."""
    try:
        accounts.remove_user(farm().engine, _known(name), clock=farm().clock)
    except FarmError as refused:
        if not is_for_the_form(refused):
            raise
        return _page(faults_of(refused)), refused.status
    return done(url_for("admin_people.index"), "person-removed", name=name)


def _known(name: str) -> str:
    if not name.isprintable():  # PostgreSQL refuses NUL
        raise NotFound()
    return name


def _page(faults: list[str] | None = None) -> str:
    user_id = principal().user_id
    return render_template(
        "admin_people.html",
        people=accounts.list_users(farm().engine, clock=farm().clock),
        projects=[row.name for row in accounts.list_projects(farm().engine)],
        roles=list(Role),
        me=user_id and accounts.user_name(farm().engine, user_id),
        faults=faults,
        typed=request.form,
    )
