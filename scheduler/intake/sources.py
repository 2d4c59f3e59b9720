"""Objects that streams are read from: where a project may put them, and who may read which."""

import re

from farm.errors import Fault, InvalidRequest
from farm.ids import new_id

_ADDRESS = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/(.+)")
#: Of a file that a project uploads, as JSON schema writes patterns.
NAME_PATTERN = "^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"


def upload_key(project_id: str, name: str) -> str:
    """A fresh key for a file that a project uploads. Raises InvalidRequest for a name that could lead elsewhere."""
    if not re.fullmatch(NAME_PATTERN, name) or name.endswith("\n"):
        rule = "must have 1 to 100 letters, digits, dots, hyphens and underscores, the first a letter or digit"
        raise InvalidRequest([Fault("/name", f"{rule}; seen {name[:80]!a}")])
    return f"uploads/{project_id}/{new_id()}/{name}"


def check_source(source: object, bucket: str, project_id: str) -> str:
    """The key of an object that this project may have read.

    Only what lies under the project's own prefix of the farm's own bucket: the farm reads with its own rights, and
    would otherwise read other projects' pictures, or any bucket that it can reach, for whoever names them.

    Raises:
        InvalidRequest: it is no such address.
    """
    found = _ADDRESS.fullmatch(source) if isinstance(source, str) and len(source) <= 1_000 else None
    prefix = f"uploads/{project_id}/"
    if found is None or found[1] != bucket or not found[2].startswith(prefix) or "/../" in found[2]:
        wanted = f"must be an object of yours: s3://{bucket}/{prefix}…; POST /api/v1/uploads gives a place for it"
        raise InvalidRequest([Fault("/source", f"{wanted}; seen {ascii(source)[:80]}")])
    return found[2]


def form_of(name: str) -> str | None:
    """The format that a file's name says; None: it says none."""
    for suffixes, form in (((".jsonl", ".ndjson"), "jsonl"), ((".csv",), "csv")):
        if name.lower().endswith(suffixes):
            return form
    return None
