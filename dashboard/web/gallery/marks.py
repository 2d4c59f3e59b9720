"""What the buttons of the gallery do to the renders that are chosen."""

from collections.abc import Sequence

from werkzeug.datastructures import MultiDict

from dashboard.reads.ids import known_form
from farm.connections import Connections
from farm.errors import Fault, InvalidRequest
from farm.sentences import sentence
from scheduler.gallery.boards import change_board, create_board
from scheduler.gallery.deletion import delete_renders, restore_renders
from scheduler.gallery.marks import BEST_RATING, LONGEST_TAG, MarkChange, mark_renders, normal_tag
from scheduler.gallery.owned_renders import MOST_RENDERS

_LONGEST_NAME = 100


def change_marks(
    connections: Connections, project_id: str, render_ids: Sequence[str], form: MultiDict[str, str], now: float
) -> None:
    """Carry out the button `do` of a form.

    Raises:
        InvalidRequest: what was typed cannot be.
        NotFound, Conflict: as the API does.
    """
    if len(render_ids) > MOST_RENDERS:
        told = sentence("at most %(most)s at once; %(count)s are chosen", most=MOST_RENDERS, count=len(render_ids))
        raise InvalidRequest([Fault("/render", told)])
    engine, do = connections.engine, form.get("do", "")
    if do in ("favourite", "not-favourite"):
        mark_renders(engine, project_id, render_ids, MarkChange(favourite=do == "favourite"))
    elif do.startswith("rate-") and do.removeprefix("rate-") in [str(stars) for stars in range(BEST_RATING + 1)]:
        mark_renders(engine, project_id, render_ids, MarkChange(rating=int(do.removeprefix("rate-"))))
    elif do == "tag":
        mark_renders(engine, project_id, render_ids, MarkChange(add_tags=_tags(form.get("tag", ""))))
    elif do.startswith("untag-"):
        mark_renders(engine, project_id, render_ids, MarkChange(remove_tags=[do.removeprefix("untag-")]))
    elif do == "board":
        change_board(engine, project_id, _board(connections, project_id, form, now), add=render_ids)
    elif do.startswith("unboard-"):
        change_board(engine, project_id, known_form("board", do.removeprefix("unboard-")), remove=render_ids)
    elif do == "delete":
        delete_renders(connections, project_id, render_ids)
    elif do == "restore":
        restore_renders(connections, project_id, render_ids)
    else:
        told = sentence("is nothing that the gallery can do: %(seen)s", seen=ascii(do[:40]))
        raise InvalidRequest([Fault("/do", told)])


def _tags(typed: str) -> list[str]:
    """Tags with commas between them."""
    tags = [tag for part in typed.split(",") if (tag := normal_tag(part))]
    for tag in tags:
        if len(tag) > LONGEST_TAG or not tag.isprintable():
            told = sentence(
                "at most %(most)s printable characters; seen %(seen)s",
                most=LONGEST_TAG,
                seen=ascii(tag[:60]),
            )
            raise InvalidRequest([Fault("/tag", told)])
    return tags


def _board(connections: Connections, project_id: str, form: MultiDict[str, str], now: float) -> str:
    """The board that was chosen; the name of a new one goes before."""
    name = form.get("new_board", "").strip()
    if not name:
        return known_form("board", form.get("board", ""))
    if len(name) > _LONGEST_NAME or not name.isprintable():
        told = sentence("at most %(most)s printable characters", most=_LONGEST_NAME)
        raise InvalidRequest([Fault("/new_board", told)])
    return create_board(connections.engine, project_id, name, now)
