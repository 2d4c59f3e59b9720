"""Stored files: an address that stays, and leads to a fresh signed link."""

from flask import Blueprint, redirect, request
from flask.typing import ResponseReturnValue

from dashboard.auth import principal
from dashboard.context import farm
from dashboard.reads.renders import StoredArtifact, find_artifact
from farm.database import read

blueprint = Blueprint("artifacts", __name__)

#: Cache-Control of what never changes under its address: a browser keeps it for a year and does not ask again.
FOREVER = "private, max-age=31536000, immutable"


def address(file: StoredArtifact) -> str:
    """Where pages find a file."""
    return f"/artifacts/{file.id}"


@blueprint.get("/artifacts/<artifact_id>")
def fetch(artifact_id: str) -> ResponseReturnValue:
    """Lead to the file; with `?download` the browser saves it."""
    with read(farm().engine) as connection:
        file = find_artifact(connection, principal().project_id, artifact_id)
    name = f"{file.render_id}-{file.filename}" if "download" in request.args else None
    answer = redirect(farm().storage.link(file.key, download_name=name), 302)
    # The same picture is fetched once, not at every look at the page; the link outlives this by far.
    answer.headers["Cache-Control"] = f"private, max-age={farm().settings.link_seconds // 2}"
    return answer
