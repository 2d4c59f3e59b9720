"""API keys: one's own, or for admins those of a project. A secret is shown once, in the answer that makes it."""

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue

from dashboard.api.delete_key import end_key
from dashboard.api.post_keys import NewKey, make_key
from dashboard.auth import may, principal, project_named
from dashboard.context import farm, now
from dashboard.schemas import Key, MadeKey
from dashboard.schemas.users import shown_key
from dashboard.web.admin.asked import asked_for, done, faults_of, is_for_the_form
from farm import accounts
from farm.errors import FarmError
from farm.security import Role, Scope

blueprint = Blueprint("admin_keys", __name__)

DAY_SECONDS = 86_400
#: For how many days a key may be made to live; 0: until it is revoked.
LIVES = (30, 90, 365, 0)


@blueprint.get("/admin/keys")
def index() -> ResponseReturnValue:
    """The keys, newest first; ended ones too."""
    return _page(_project(request.args.get("project")))


@blueprint.post("/admin/keys")
def add() -> ResponseReturnValue:
    """Make one and show its secret: nobody sees it again."""
    form, project = request.form, _project(request.form.get("project"))
    typed: dict[str, object] = {"name": form.get("name", ""), "scopes": form.getlist("scope")}
    days = form.get("days", "0")[:10]
    if days != "0":
        typed["seconds"] = int(days) * DAY_SECONDS if days.isdecimal() else days
    if project is not None:
        typed["project"] = project
    try:
        made = make_key(asked_for(NewKey, typed))
    except FarmError as refused:
        if not is_for_the_form(refused) and refused.status != 403:
            raise
        return _page(project, faults=faults_of(refused)), refused.status
    return _page(project, made=made), 201


@blueprint.post("/admin/keys/<key_id>/revoke")
def revoke(key_id: str) -> ResponseReturnValue:
    """End a key at once."""
    end_key(key_id)
    project = _project(request.form.get("project"))
    name = request.form.get("name", "")[:80]
    return done(url_for("admin_keys.index", project=project), "key-revoked", name=name)


def _project(asked: str | None) -> str | None:
    """Whose keys the page is about: a project's for admins, or else (None) one's own."""
    return asked if asked and may(Scope.ADMIN) else None


def _page(project: str | None, *, made: MadeKey | None = None, faults: list[str] | None = None) -> str:
    who, engine = principal(), farm().engine
    if project is None:
        rows = accounts.list_keys_of(engine, who.project_id, who.user_id)
    else:
        rows = accounts.list_keys(engine, project_named(project, Scope.ADMIN))
    at = now()
    keys: list[tuple[Key, str]] = [(shown_key(row), _state(row, at)) for row in reversed(rows)]
    allowed = who.scopes if project is None else Role.ARTIST.scopes & who.scopes
    return render_template(
        "admin_keys.html",
        keys=keys,
        project=project,
        projects=[row.name for row in accounts.list_projects(engine)] if may(Scope.ADMIN) else [],
        scopes=[scope for scope in Scope if scope in allowed],
        lives=LIVES,
        may_make=may(Scope.SUBMIT) and (project is not None or who.user_id is not None),
        made=made,
        faults=faults,
        typed=request.form,
    )


def _state(row: accounts.KeyRow, at: float) -> str:
    if row.revoked_at is not None:
        return "revoked"
    return "expired" if row.expires_at is not None and row.expires_at <= at else "valid"
