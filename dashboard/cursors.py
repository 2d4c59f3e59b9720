"""Cursors of lists: opaque to clients, read back with care.

A cursor holds only the place where the next page begins. It is not signed: whatever it says, the query behind it is
still limited to the caller's own project.
"""

import base64
import binascii
import uuid

from farm.errors import Fault, InvalidRequest

_JOBS = "j"
_RENDERS = "r"
_FAILED = "f"
_INPUTS = "i"
_DELIVERIES = "w"
_AUDIT = "a"
_GALLERY = "g"
_LONGEST = 100  # characters


def before_job(job_id: str) -> str:
    """The cursor of the page of jobs that are older than this one."""
    return _seal(_JOBS, uuid.UUID(job_id).hex)


def read_before_job(cursor: str | None) -> str | None:
    """The job that `cursor` was made for. Raises InvalidRequest when it is none of ours."""
    if cursor is None:
        return None
    try:
        return str(uuid.UUID(hex=_open(_JOBS, cursor)))
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


def before_input(input_id: str) -> str:
    """The cursor of the page of uploaded pictures that are older than this one."""
    return _seal(_INPUTS, uuid.UUID(input_id).hex)


def read_before_input(cursor: str | None) -> str | None:
    """The picture that `cursor` was made for. Raises InvalidRequest when it is none of ours."""
    if cursor is None:
        return None
    try:
        return str(uuid.UUID(hex=_open(_INPUTS, cursor)))
    except ValueError:
        raise _bad_cursor(cursor) from None


def before_failed(render_id: str) -> str:
    """The cursor of the page of failed renders that are older than this one."""
    return _seal(_FAILED, uuid.UUID(render_id).hex)


def read_before_failed(cursor: str | None) -> str | None:
    """The render that `cursor` was made for. Raises InvalidRequest when it is none of ours."""
    if cursor is None:
        return None
    try:
        return str(uuid.UUID(hex=_open(_FAILED, cursor)))
    except ValueError:
        raise _bad_cursor(cursor) from None


def before_delivery(delivery_id: str) -> str:
    """The cursor of the page of a webhook's deliveries that are older than this one."""
    return _seal(_DELIVERIES, uuid.UUID(delivery_id).hex)


def read_before_delivery(cursor: str | None) -> str | None:
    """The delivery that `cursor` was made for. Raises InvalidRequest when it is none of ours."""
    if cursor is None:
        return None
    try:
        return str(uuid.UUID(hex=_open(_DELIVERIES, cursor)))
    except ValueError:
        raise _bad_cursor(cursor) from None


def before_audit(entry_id: str) -> str:
    """The cursor of the page of the audit log that is older than this entry."""
    return _seal(_AUDIT, uuid.UUID(entry_id).hex)


def read_before_audit(cursor: str | None) -> str | None:
    """The entry that `cursor` was made for. Raises InvalidRequest when it is none of ours."""
    if cursor is None:
        return None
    try:
        return str(uuid.UUID(hex=_open(_AUDIT, cursor)))
    except ValueError:
        raise _bad_cursor(cursor) from None


def before_render(render_id: str) -> str:
    """The cursor of the page of the gallery with renders that are older than this one."""
    return _seal(_GALLERY, uuid.UUID(render_id).hex)


def read_before_render(cursor: str | None) -> str | None:
    """The render that `cursor` was made for. Raises InvalidRequest when it is none of ours."""
    if cursor is None:
        return None
    try:
        return str(uuid.UUID(hex=_open(_GALLERY, cursor)))
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
                "/query/cursor", f"is not a cursor of this list: {shown}; use 'next_cursor' of the page before, or none"
            )
        ]
    )
