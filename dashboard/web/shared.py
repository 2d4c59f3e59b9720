"""What a share link shows, to whoever has it: no sign-in, nothing to change, nothing else of the project.

Addresses here hold a secret: no log has them whole (`farm.redaction` knows its form), no search engine keeps them.
"""

from io import BytesIO
from typing import Any

from flask import Blueprint, Response, current_app, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue

from dashboard.context import farm, now
from dashboard.http.limits import export_turn
from dashboard.http.share_link_rate_limit import count_look, count_miss
from dashboard.problems import LinkEnded
from dashboard.reads.renders import StoredArtifact
from dashboard.sharing.bare_files import BARE_TYPES, UnknownFile, without_metadata
from dashboard.sharing.outputs import shared_file, shared_page
from dashboard.times import iso
from farm.database import read
from farm.errors import NotFound
from farm.sentences import sentence
from farm.storage_keys import ArtifactKind
from scheduler.gallery.share_links import has_ended, share_link_of

blueprint = Blueprint("shared", __name__)

PAGE = 60
#: So long a link into the storage goes on when a share link is revoked.
_STORAGE_SECONDS = 300
_FURTHEST = 10**9


@blueprint.get("/shared/<secret>")
def page(secret: str) -> ResponseReturnValue:
    """The pictures and clips, some at a time."""
    link, after = _link(secret), _after()

    def address(file: StoredArtifact) -> str:
        return url_for("shared.file", secret=secret, artifact_id=file.id)

    with read(farm().engine) as connection:
        found = shared_page(connection, link, after=after, limit=PAGE, address_of=address)
    return render_template(
        "shared.html",
        link=link,
        link_end=iso(link.expires_at),
        page=found,
        after=after,
        bare=BARE_TYPES,
        secret=secret,
    )


@blueprint.get("/shared/<secret>/files/<artifact_id>")
def file(secret: str, artifact_id: str) -> ResponseReturnValue:
    """A file; without the parameters where the link does not show them. With `?download` the browser saves it."""
    link = _link(secret)
    with read(farm().engine) as connection:
        found = shared_file(connection, link, artifact_id)
    left = min(_STORAGE_SECONDS, max(1, int(link.expires_at - now())))
    name = found.filename if "download" in request.args else None
    if link.parameters or found.kind == ArtifactKind.THUMBNAIL.value:
        answer = redirect(farm().storage.link(found.key, left, download_name=name), 302)
        answer.headers["Cache-Control"] = f"private, max-age={left // 2}"
        return answer
    return _bare(link.project_id, found, name, left)


@blueprint.after_request
def _keep_out(response: Response) -> Response:
    response.headers["X-Robots-Tag"] = "noindex, nofollow, noarchive, noimageindex"
    return response


def _link(secret: str) -> Any:
    """The link, as long as it shows something. Raises TooManyLooks, NotFound, LinkEnded."""
    address = request.remote_addr or ""
    count_look(address)
    with read(farm().engine) as connection:
        link = share_link_of(connection, secret)
    if link is None:
        count_miss(address)
        raise NotFound(sentence("There is no such share link; look whether the address is whole."))
    if has_ended(link, now()):
        raise LinkEnded()
    return link


def _bare(project_id: str, file: StoredArtifact, name: str | None, seconds: int) -> ResponseReturnValue:
    if file.content_type not in BARE_TYPES:
        raise _unshowable()
    with export_turn(current_app, f"shared:{project_id}"):
        try:
            data = without_metadata(farm().storage.get(file.key), file.content_type)
        except UnknownFile:
            raise _unshowable() from None
    answer = send_file(
        BytesIO(data),
        mimetype=file.content_type,
        as_attachment=name is not None,
        download_name=name or file.filename,
        etag=False,
        conditional=True,  # players ask for parts
    )
    answer.headers["Cache-Control"] = f"private, max-age={seconds}"
    return answer


def _unshowable() -> NotFound:
    return NotFound(sentence("This file cannot be shown without its parameters; its thumbnail can."))


def _after() -> int:
    asked = request.args.get("after", "-1")[:10]
    return min(int(asked), _FURTHEST) if asked.isdecimal() else -1
