"""Files that a project uploaded for its renders, pictures, clips and adapters: stored, listed, looked up, removed.

Only what `farm.uploads` made of them is stored. The file is stored before its row, and removed before it.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, func, insert, or_, select, update

from farm.adapters.compatibility import compatibility_of
from farm.adapters.file_header import AdapterFacts
from farm.audit.record import Action, record
from farm.catalog.adapters import MOST_ADAPTERS
from farm.connections import Connections
from farm.database import read, write
from farm.errors import Conflict, NotFound
from farm.ids import is_id, new_id
from farm.lifecycle import ENDED
from farm.params import InputRef, RenderParameters, Renders
from farm.params.checks.clips import MOST_REFERENCES
from farm.params.pictures import FindInput
from farm.params.request.base import ADAPTER_SUFFIX, CLIPS, PICTURE_LISTS, PICTURES, ClipRef
from farm.params.training.trained_families import training_of
from farm.storage import StoredFile
from farm.storage_keys import input_key
from farm.tables import Input, Job, Render
from farm.uploads import read_upload

_NAME_CHARS = 200


def add_input(connections: Connections, project_id: str, name: str, file: Path) -> tuple[Any, bool]:
    """Store a picture, a clip or an adapter; its row, and whether it is new: what a project has already is stored once.

    The file is the caller's; a picture or clip is replaced by what is stored of it.

    Raises TooLarge or InvalidRequest for what is neither for this farm, Busy, StorageDown.
    """
    upload = read_upload(name, file, connections.settings)
    models = connections.catalog.models.values()
    shares: dict[str, Any] | None = None
    if upload.adapter is not None:
        shares = connections.cpu_work(partial(compatibility_of, upload.adapter, models)).model_dump()
    with read(connections.engine) as connection:
        known = select(*Input.__table__.c).where(Input.project_id == project_id, Input.sha256 == upload.sha256)
        found = connection.execute(known.order_by(Input.id).limit(1)).one_or_none()
    if found is not None:
        return _looked_at_again(connections, found, shares), False
    input_id = new_id()
    key = input_key(project_id, input_id, upload.suffix)
    stored = connections.storage.put(key, upload.file, upload.content_type, sha256=upload.sha256)
    row = {
        "id": input_id,
        "project_id": project_id,
        "name": _plain(name),
        "key": stored.key,
        "content_type": stored.content_type,
        "size": stored.size,
        "sha256": stored.sha256,
        "created_at": connections.clock(),
        "width": upload.width,
        "height": upload.height,
        "frames": upload.frames,
        "frame_rate": upload.frame_rate,
        "adapter": shares,
    }
    with write(connections.engine) as connection:
        connection.execute(insert(Input), row)
    with read(connections.engine) as connection:
        return find_input(connection, project_id, input_id), True


def _looked_at_again(connections: Connections, row: Any, shares: dict[str, Any] | None) -> Any:
    """The row of a file that is stored already, with what the models take of it today."""
    if row.adapter == shares:
        return row
    with write(connections.engine) as connection:
        connection.execute(update(Input).where(Input.id == row.id).values(adapter=shares))
        return find_input(connection, row.project_id, row.id)


def list_inputs(
    connection: Connection,
    project_id: str,
    *,
    after: str | None,
    limit: int,
    only_pictures: bool = False,
    with_clips: bool = False,
) -> Sequence[Any]:
    """At most `limit` rows of the project, newest first, behind the id `after`.

    `only_pictures`: no adapters, and no clips but `with_clips`.
    """
    behind = [] if after is None else [Input.id < after]
    if only_pictures:
        behind.append(Input.width.is_not(None))
        behind += [] if with_clips else [Input.frames.is_(None)]
    statement = select(*Input.__table__.c).where(Input.project_id == project_id, *behind)
    return connection.execute(statement.order_by(Input.id.desc()).limit(limit)).all()


def find_input(connection: Connection, project_id: str, input_id: str) -> Any:
    """The row of a file of this project. Raises NotFound."""
    row = _look_up(connection, project_id, input_id)
    if row is None:
        raise NotFound(f"There is no input {input_id[:40]!r} that you may see.")
    return row


def remove_input(connections: Connections, project_id: str, input_id: str) -> None:
    """Remove an uploaded file.

    Raises NotFound, StorageDown, and Conflict while a render that has not ended needs it.
    """
    with read(connections.engine) as connection:
        row = find_input(connection, project_id, input_id)
        waiting = count_users(connection, row, project_id) if row.used_at is not None else 0
    if waiting:
        renders = "1 render" if waiting == 1 else f"{waiting:,} renders"
        raise Conflict(f"{renders} that have not ended need input {row.id}; cancel them or wait for their end.")
    connections.storage.delete([row.key])
    with write(connections.engine) as connection:
        connection.execute(delete(Input).where(Input.id == row.id))
        record(connection, Action.INPUT_DELETED, row.id, connections.clock(), project_id=project_id)


def count_users(connection: Connection, row: Any, project_id: str) -> int:
    """Renders of the project that have not ended and have this file; reads those of its unfinished jobs."""
    jobs = select(Job.id).where(Job.project_id == project_id, Job.finished_at.is_(None))
    waiting = Render.status.not_in([status.value for status in ENDED])
    counted = select(func.count()).where(Render.job_id.in_(jobs), waiting, _has_file(row))
    return connection.scalar(counted) or 0


def finder(connections: Connections, project_id: str) -> FindInput:
    """How request validation looks up the files of a project; each is read once."""
    known: dict[str, InputRef | None] = {}

    def find(input_id: str) -> InputRef | None:
        if input_id not in known:
            with read(connections.engine) as connection:
                row = _look_up(connection, project_id, input_id)
            known[input_id] = None if row is None else _ref(row)
        return known[input_id]

    return find


def look_up(find: FindInput, document: object) -> None:
    """Have `find` read what a request names, so that nobody asks the database while the request is checked aside."""
    if not isinstance(document, Mapping):
        return
    adapters = document.get("loras")
    used = adapters[: MOST_ADAPTERS + 1] if isinstance(adapters, list) else []
    named = [document.get(name) for name in (*PICTURES, *CLIPS)]
    named += [use.get("name") for use in used if isinstance(use, Mapping)]
    for several in (document.get(name) for name in PICTURE_LISTS):
        named += several[: MOST_REFERENCES + 1] if isinstance(several, list) else []
    for name in named:
        if isinstance(name, str):
            find(name)


def mark_used(connection: Connection, renders: Iterable[RenderParameters], now: float) -> None:
    """Note which files the renders that are being admitted need."""
    each = (alike for alike, _ in renders.kinds()) if isinstance(renders, Renders) else renders
    used = {key for render in each for key in _keys(render)}
    if used:
        connection.execute(update(Input).where(Input.key.in_(used)).values(used_at=now))


def adapter_row(
    connections: Connections, project_id: str, name: str, stored: StoredFile, facts: AdapterFacts
) -> dict[str, Any]:
    """The row of `inputs` for a LoRA that the farm has trained; its file lies in the bucket already."""
    shares = connections.cpu_work(partial(compatibility_of, facts, connections.catalog.models.values()))
    return {
        "id": stored.key.rpartition("/")[2].removesuffix(ADAPTER_SUFFIX),
        "project_id": project_id,
        "name": name + ADAPTER_SUFFIX,
        "key": stored.key,
        "content_type": stored.content_type,
        "size": stored.size,
        "sha256": stored.sha256,
        "created_at": connections.clock(),
        "width": None,
        "height": None,
        "frames": None,
        "frame_rate": None,
        "adapter": shares.model_dump(),
    }


def insert_adapter(connection: Connection, row: Mapping[str, Any]) -> None:
    """Let a project have a LoRA, unless it has these very bytes already."""
    same = select(Input.id).where(Input.project_id == row["project_id"], Input.sha256 == row["sha256"]).limit(1)
    if connection.execute(same).one_or_none() is None:
        connection.execute(insert(Input), dict(row))


def find_trained(connection: Connection, project_id: str, sha256: str) -> str | None:
    """The id under which the project has the LoRA with these bytes; None where somebody removed it."""
    known = select(Input.id).where(Input.project_id == project_id, Input.sha256 == sha256)
    return connection.scalar(known.order_by(Input.id).limit(1))


def _look_up(connection: Connection, project_id: str, input_id: str) -> Any:
    if not is_id(input_id):
        return None
    statement = select(*Input.__table__.c).where(Input.id == input_id.lower(), Input.project_id == project_id)
    return connection.execute(statement).one_or_none()


def _ref(row: Any) -> InputRef:
    values = {"id": row.id, "key": row.key, "sha256": row.sha256, "adapter": row.adapter, "name": row.name}
    return ClipRef(**values, frames=row.frames, frame_rate=row.frame_rate) if row.frames else InputRef(**values)


def _keys(render: RenderParameters) -> list[str]:
    pictures = [picture.key for name in (*PICTURES, *CLIPS) if (picture := getattr(render, name, None)) is not None]
    pictures += [picture.key for name in PICTURE_LISTS for picture in getattr(render, name, ())]
    if training := training_of(render):
        pictures += [known.key for known, _ in training.examples]
    return pictures + [adapter.key for adapter in render.loras if adapter.key is not None]


def _has_file(row: Any) -> ColumnElement[bool]:
    named = [Render.parameters[name]["id"].as_string() == row.id for name in (*PICTURES, *CLIPS)]
    within = ("training", "loras", *PICTURE_LISTS)
    named += [Render.parameters[name].as_string().contains(row.key, autoescape=True) for name in within]
    return or_(*named)


def _plain(name: str) -> str:
    """A file's name without folders and control characters."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return "".join(sign for sign in last if sign.isprintable()).strip()[:_NAME_CHARS] or "picture"
