"""Share links of the project: made, listed, revoked; an address is shown once, in the answer that makes it."""

from datetime import UTC, datetime

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue

from dashboard.api.post_share_links import NewShareLink, make_share_link
from dashboard.auth import may, principal
from dashboard.context import farm, now
from dashboard.reads.ids import known_form
from dashboard.reads.share_links import shown_share_link
from dashboard.schemas import MadeShareLink
from dashboard.web.admin.asked import asked_for, done, faults_of, is_for_the_form
from farm.database import read
from farm.errors import FarmError
from farm.security import Scope
from farm.tables.share_links import SharedKind
from scheduler.gallery.share_links import list_share_links, revoke_share_link

blueprint = Blueprint("admin_share_links", __name__)

#: For how many seconds a link may be made with one choice.
LIVES = (3_600, 86_400, 7 * 86_400, 30 * 86_400)


@blueprint.get("/admin/share-links")
def index() -> ResponseReturnValue:
    """The links, newest first; with `kind` and `target` also the form for a new one."""
    return _page()


@blueprint.post("/admin/share-links")
def add() -> ResponseReturnValue:
    """Make one and show its address: nobody sees it again."""
    form = request.form
    typed = {
        "kind": form.get("kind", ""),
        "target": form.get("target", "").strip(),
        "seconds": _seconds(form.get("seconds", ""), form.get("until", "")),
        "parameters": "parameters" in form,
    }
    try:
        made = make_share_link(asked_for(NewShareLink, typed))
    except FarmError as refused:
        if not is_for_the_form(refused):
            raise
        return _page(faults=faults_of(refused)), refused.status
    return _page(made=made), 201


@blueprint.post("/admin/share-links/<link_id>/revoke")
def revoke(link_id: str) -> ResponseReturnValue:
    """End one at once."""
    revoke_share_link(farm().engine, principal().project_id, known_form("share link", link_id), now())
    return done(url_for("admin_share_links.index"), "share-link-revoked")


def _seconds(chosen: str, until: str) -> object:
    """Until the end of a day in UTC where one is typed, or else for so long."""
    try:
        if not until:
            return chosen
        return datetime.strptime(until, "%Y-%m-%d").replace(tzinfo=UTC).timestamp() + 86_400 - now()
    except (ValueError, OverflowError):
        return until[:20]


def _page(*, made: MadeShareLink | None = None, faults: list[str] | None = None) -> str:
    with read(farm().engine) as connection:
        rows, at = list_share_links(connection, principal().project_id), now()
    asked = request.values
    return render_template(
        "admin_share_links.html",
        links=[shown_share_link(row, at) for row in rows],
        kinds=list(SharedKind),
        lives=LIVES,
        kind=asked.get("kind", ""),
        target=asked.get("target", "")[:40],
        may_make=may(Scope.SUBMIT),
        made=made,
        faults=faults,
    )
