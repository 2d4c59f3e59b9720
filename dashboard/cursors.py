"""Cursors of lists: opaque to clients, read back with care.

A cursor holds only the place where the next page begins. It is not signed: whatever it says, the query behind it is
still limited to the caller's own project.
"""

import base64
import binascii
import math
import uuid
from enum import StrEnum

from farm.errors import Fault, InvalidRequest
from farm.sentences import sentence

_RENDERS = "r"
_SCORES = "s"
_LONGEST = 100  # characters


class NewestFirst(StrEnum):
    """Lists that begin with the newest; the letter keeps a cursor from being read by another list."""

    JOBS = "j"
    FAILED_RENDERS = "f"
    INPUTS = "i"
    DELIVERIES = "w"
    AUDIT = "a"
    GALLERY = "g"


def older_than(items: NewestFirst, item_id: str) -> str:
    """The cursor of the page of `items` that are older than this one."""
    return _seal(items, uuid.UUID(item_id).hex)


def read_older_than(items: NewestFirst, cursor: str | None) -> str | None:
    """The id that `cursor` was made for. Raises InvalidRequest when it is none of this list."""
    if cursor is None:
        return None
    try:
        return str(uuid.UUID(hex=_open(items, cursor)))
    except ValueError:
        raise _bad_cursor(cursor) from None


def after_render(index: int) -> str:
    """The cursor of the page of a job's renders that begins behind `index`."""
    return _seal(_RENDERS, str(index))


def read_after_render(cursor: str | None) -> int:
    """The index that `cursor` was made for, -1 without one. Raises InvalidRequest when it is none of ours."""
    if cursor is None:
        return -1
    try:
        index = int(_open(_RENDERS, cursor))
    except ValueError:
        raise _bad_cursor(cursor) from None
    if not 0 <= index < 2**31:
        raise _bad_cursor(cursor)
    return index


def behind_score(value: float | None, render_id: str) -> str:
    """The cursor of the page of scores that begins behind this figure of this render."""
    return _seal(_SCORES, f"{'' if value is None else value!r}/{uuid.UUID(render_id).hex}")


def read_behind_score(cursor: str | None) -> tuple[float | None, str] | None:
    """The figure and the render that `cursor` was made for. Raises InvalidRequest when it is none of this list."""
    if cursor is None:
        return None
    try:
        figure, _, render = _open(_SCORES, cursor).partition("/")
        value = float(figure) if figure else None
        if value is not None and not math.isfinite(value):
            raise ValueError(cursor)
        return value, str(uuid.UUID(hex=render))
    except ValueError:
        raise _bad_cursor(cursor) from None


def _seal(kind: str, place: str) -> str:
    return base64.urlsafe_b64encode(f"{kind}1{place}".encode()).decode().rstrip("=")


def _open(kind: str, cursor: str) -> str:
    """What was sealed. Raises ValueError."""
    if len(cursor) > _LONGEST:
        raise ValueError(cursor)
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, UnicodeError) as error:
        raise ValueError(cursor) from error
    if not text.startswith(f"{kind}1"):
        raise ValueError(cursor)
    return text[2:]


def _bad_cursor(cursor: str) -> InvalidRequest:
    shown = ascii(cursor[:20])
    return InvalidRequest(
        [
            Fault(
                "/query/cursor",
                sentence(
                    "is not a cursor of this list: %(seen)s; use 'next_cursor' of the page before, or none", seen=shown
                ),
            )
        ]
    )
