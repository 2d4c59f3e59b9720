"""The gallery: finished renders of all jobs of the project, found by filters that stand in the address."""

from collections.abc import Mapping
from urllib.parse import urlencode

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection

from dashboard.auth import principal
from dashboard.context import farm, now
from dashboard.cursors import NewestFirst, older_than, read_older_than
from dashboard.reads.gallery.listing import LOOKED_AT, list_gallery, neighbours_in_gallery, renders_of_gallery
from dashboard.reads.gallery.marks import marks_of, shown_boards, used_tags
from dashboard.reads.gallery.scores import scores_of
from dashboard.reads.ids import known_form
from dashboard.reads.jobs import find_job
from dashboard.reads.renders import Neighbours, find_artifact, find_render, owned_render
from dashboard.web.artifacts import FOREVER, address
from dashboard.web.gallery.filters import leave_out_unknown, read_filters
from dashboard.web.gallery.marks import change_marks
from farm.database import read
from farm.errors import FarmError
from farm.scorers import facts_of, scorer_names

blueprint = Blueprint("gallery", __name__)

PAGE = 60


@blueprint.get("/gallery")
def index() -> ResponseReturnValue:
    """One page of the gallery; the page's script asks for the next one as it is scrolled to."""
    typed = read_filters(request.args)
    project_id, cursor = principal().project_id, request.args.get("cursor")
    with read(farm().engine) as connection:
        leave_out_unknown(typed, farm(), connection, project_id)
        page = list_gallery(
            connection,
            project_id,
            chosen=typed.chosen,
            before=read_older_than(NewestFirst.GALLERY, cursor),
            limit=PAGE,
            address_of=address,
        )
        boards, tags = shown_boards(connection, project_id), used_tags(connection, project_id)
        gone = _just_deleted(connection, project_id)
    return render_template(
        "gallery.html",
        gone=gone,
        renders=page.items,
        older=older_than(NewestFirst.GALLERY, page.behind) if page.behind else None,
        first_page=cursor is None,
        typed=typed,
        boards=boards,
        tags=tags,
        models=sorted(farm().catalog.models),
        scorers=[(name, facts_of(name)) for name in scorer_names()],
        weights=farm().settings.scorer_weights,
        bound=LOOKED_AT,
    ), 422 if typed.faults else 200


@blueprint.get("/gallery/<render_id>")
def picture(render_id: str) -> ResponseReturnValue:
    """One render of the gallery, with its neighbours in the gallery as it is filtered."""
    typed, project_id = read_filters(request.args), principal().project_id
    with read(farm().engine) as connection:
        render = find_render(connection, project_id, render_id, progress_of=lambda _: {}, address_of=address)
        job = find_job(connection, project_id, render.job_id)
        leave_out_unknown(typed, farm(), connection, project_id)
        newer, older = neighbours_in_gallery(connection, project_id, render.id, typed.chosen)
        marks = marks_of(connection, [render.id])[render.id]
        scores = scores_of(connection, render.id)
        boards, tags = shown_boards(connection, project_id), used_tags(connection, project_id)
    return render_template(
        "gallery_picture.html",
        render=render,
        job=job,
        beside=Neighbours(newer, older),
        files={artifact.kind: artifact for artifact in render.artifacts},
        why=None,
        marks=marks,
        scores=scores,
        boards=boards,
        tags=tags,
        typed=typed,
        walk_query=f"?{typed.query}" if typed.query else "",
    )


@blueprint.post("/gallery/marks")
def mark() -> ResponseReturnValue:
    """Do to the chosen renders what a button says. The page's script gets their cards anew, others the page."""
    ids = [known_form("render", one) for one in request.form.getlist("render")]
    who, typed = principal(), read_filters(request.args)
    if ids:
        change_marks(farm(), who.project_id, ids, request.form, now())
    if request.headers.get("X-Part") != "cards":
        if request.form.get("page") != "picture" or not ids:
            return redirect(_with(url_for("gallery.index"), typed.values), 303)
        if request.form.get("do") == "delete":
            return redirect(_with(url_for("gallery.index"), {**typed.values, "gone": ids[0]}), 303)
        return redirect(_with(url_for("gallery.picture", render_id=ids[0]), typed.values), 303)
    with read(farm().engine) as connection:
        renders = renders_of_gallery(connection, who.project_id, ids, address_of=address)
        boards = shown_boards(connection, who.project_id)
    return render_template("gallery_cards.html", renders=renders, typed=typed, boards=boards)


def _with(address: str, query: Mapping[str, str]) -> str:
    return f"{address}?{urlencode(query)}" if query else address


def _just_deleted(connection: Connection, project_id: str) -> str | None:
    """What a picture's page has just deleted (`gone` in the address), while it can be restored."""
    try:
        render_id = owned_render(connection, project_id, request.args.get("gone", ""))
    except FarmError:
        return None
    return render_id if marks_of(connection, [render_id])[render_id].delete_at else None


@blueprint.get("/gallery/thumbnails/<artifact_id>/<digest>")
def thumbnail(artifact_id: str, digest: str) -> ResponseReturnValue:
    """A thumbnail under an address that has its hash: browsers keep it for a year and never ask again."""
    with read(farm().engine) as connection:
        file = find_artifact(connection, principal().project_id, artifact_id)
    if file.kind != "thumbnail" or not file.sha256.startswith(digest):
        return redirect(address(file), 302)
    headers = {"Content-Type": file.content_type, "Cache-Control": FOREVER}
    return farm().storage.get(file.key), 200, headers
