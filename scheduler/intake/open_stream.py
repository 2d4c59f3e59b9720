"""The job of a stream: made with its first request, found again by its Idempotency-Key, and how far it is."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, null, select, update

from farm.connections import Connections
from farm.database import read, write
from farm.errors import Fault, IdempotencyMismatch, InvalidRequest, NotFound
from farm.ids import new_id
from farm.lifecycle import JobStatus
from farm.params import JobRequest
from farm.progress import JobChanged
from farm.stream_errors import StreamEnded
from farm.tables import Event, Intake, Job, Lane, Project
from scheduler.admission.dependencies import check_after, initial, insert_dependencies
from scheduler.admission.feasibility import check_can_run, check_can_sign
from scheduler.admission.idempotency import Key, check_key, claim_key, find_job
from scheduler.admission.validation_offload import check
from scheduler.fair_share.flows import ensure_flow
from scheduler.fleet.catalog_sync import sync_catalog
from scheduler.fleet.wake_workers import notify
from scheduler.intake.split_records import FORMATS

#: What stands in for the fields that rows bring, when the rest is looked at before any row came.
_STANDS_IN = {"prompt": "stands in for that of a row"}
_OF_PROMPTS = frozenset({"prompt", "variables", "wildcards", "rows"})


@dataclass(frozen=True)
class Position:
    """How far a stream is. The next byte of the source is number `bytes` (from 0), its next line `lines` + 1."""

    job_id: str
    project_id: str
    model: str
    form: str  # jsonl | csv
    source: str | None
    source_version: str | None
    defaults: dict[str, Any]
    columns: list[str] | None  # of CSV, once they are known
    delimiter: str | None  # as well
    rows: int
    renders: int
    bytes: int
    lines: int
    crc32: int  # of all bytes so far
    created_at: float
    updated_at: float
    sealed_at: float | None
    error: dict[str, Any] | None

    @property
    def header(self) -> dict[str, Any]:
        """What is kept in `intakes.header`."""
        return {"columns": self.columns, "delimiter": self.delimiter, "lines": self.lines, "crc32": self.crc32}

    def check_goes_on(self) -> None:
        """Raises StreamEnded if it was ended before its last row: its job was cancelled, or has expired."""
        reason = (self.error or {}).get("stopped")
        if self.sealed_at is not None and reason is not None:
            raise StreamEnded(
                f"The stream of job {self.job_id} takes no more rows: it was ended before its last one, with the "
                f"reason {reason!r}. For a new job send them under a new Idempotency-Key."
            )


class _SameKeyCommitted(Exception):
    """Another request with the same key committed while this one was on its way."""


def open_intake(
    connections: Connections,
    *,
    project_id: str,
    user_id: str | None,
    defaults: Mapping[str, Any],
    form: str,
    key: str | None,
    source: str | None = None,
) -> tuple[Position, bool]:
    """The stream of this key, and whether it is new: made now, or begun before and to be gone on with.

    `defaults`: the fields of a request that all rows share, as JSON values; `form`: jsonl or csv.

    Raises:
        InvalidRequest: the defaults break rules, or there is no key.
        IdempotencyMismatch: the key belongs to other defaults, or to another kind of submission.
        NotFound: there is no such project.
    """
    if form not in FORMATS:
        raise InvalidRequest([Fault("/format", f"must be one of {', '.join(FORMATS)}; seen {form!r}")])
    told = {"stream": dict(defaults), "format": form, "source": source}
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
    named = check_key(project_id, key, digest)
    if named is None:
        text = "is missing: a stream can only be gone on with under its key; send any text of your own"
        raise InvalidRequest([Fault("/header/Idempotency-Key", text)])
    if (found := _find(connections, named)) is not None:
        return found, False
    request = _check(connections, project_id, defaults)
    try:
        return _make(connections, request, user_id, dict(defaults), form, source, named), True
    except _SameKeyCommitted:
        winner = _find(connections, named)
        assert winner is not None, "a key that is taken belongs to a committed job"
        return winner, False


def read_position(connection: Connection, job_id: str) -> Position | None:
    """How far the stream of a job is; None for a job that did not come as a stream."""
    row = connection.execute(
        select(Intake.__table__, Job.project_id, Job.model, Job.created_at)
        .join(Job, Job.id == Intake.job_id)
        .where(Intake.job_id == job_id)
    ).one_or_none()
    if row is None:
        return None
    return Position(
        job_id=row.job_id,
        project_id=row.project_id,
        model=row.model,
        form=row.format,
        source=row.source,
        source_version=row.source_version,
        defaults=row.defaults,
        columns=row.header["columns"],
        delimiter=row.header.get("delimiter") or ("," if row.header["columns"] else None),  # 0.2 knew the comma only
        rows=row.rows,
        renders=row.renders,
        bytes=row.bytes,
        lines=row.header["lines"],
        crc32=row.header["crc32"],
        created_at=row.created_at,
        updated_at=row.updated_at,
        sealed_at=row.sealed_at,
        error=row.error,
    )


def resume(connections: Connections, position: Position) -> Position:
    """Let a stream from an object that a fault has stopped go on: its owner says that the object is corrected."""
    with write(connections.engine) as connection:
        this = update(Intake).where(Intake.job_id == position.job_id, Intake.sealed_at.is_(None))
        connection.execute(this.values(error=null(), updated_at=connections.clock()))
        found = read_position(connection, position.job_id)
    return found or position


def _find(connections: Connections, key: Key) -> Position | None:
    with read(connections.engine) as connection:
        job_id = find_job(connection, key)
        if job_id is None:
            return None
        found = read_position(connection, job_id)
    if found is None:
        raise IdempotencyMismatch(f"The Idempotency-Key {key.text!r} made job {job_id}, which is no stream.")
    return found


def _check(connections: Connections, project_id: str, defaults: Mapping[str, Any]) -> JobRequest:
    """What can be known before the first row: types, the model, and values that are the same for all rows."""
    for_all = {name: value for name, value in defaults.items() if name not in _OF_PROMPTS}
    request, _ = check(connections, project_id, for_all | _STANDS_IN, draw_seed=lambda: 0)
    check_can_run(connections.catalog, connections.catalog.model(request.model))
    check_can_sign(connections, project_id, connections.clock())
    return request


def _make(
    connections: Connections,
    request: JobRequest,
    user_id: str | None,
    defaults: dict[str, Any],
    form: str,
    source: str | None,
    key: Key,
) -> Position:
    now, entry = connections.clock(), connections.catalog.model(request.model)
    job_id = new_id()
    with read(connections.engine) as connection:
        weight = connection.scalar(select(Project.weight).where(Project.id == key.project_id))
        known = connection.scalar(select(Lane.name).where(Lane.name == entry.lane)) is not None
    if weight is None:
        raise NotFound("There is no such project.")
    if not known:
        sync_catalog(connections.engine, connections.catalog, now)
    with write(connections.engine) as connection:
        hold = check_after(connection, key.project_id, initial(request, now))
        flow_id = ensure_flow(
            connection, lane=entry.lane, project_id=key.project_id, class_name=request.class_name, weight=weight
        )
        job = {
            "id": job_id,
            "project_id": key.project_id,
            "user_id": user_id,
            "flow_id": flow_id,
            "lane": entry.lane,
            "model": entry.name,
            "title": request.title or "",  # its first prompt, when that is known
            "status": JobStatus.ADMITTING.value,
            "version": 1,
            "request": defaults,
            "renders_total": 0,
            "created_at": now,
        }
        connection.execute(insert(Job), job | hold.job_columns)
        insert_dependencies(connection, job_id, hold.after)
        if not claim_key(connection, key, job_id, now):
            raise _SameKeyCommitted
        event = {"renders": 0, "notices": [], "stream": form}
        connection.execute(
            insert(Event), {"job_id": job_id, "version": 1, "kind": "submitted", "at": now, "payload": event}
        )
        row = {"job_id": job_id, "format": form, "source": source, "defaults": defaults, "updated_at": now}
        header = {"columns": None, "delimiter": None, "lines": 0, "crc32": 0}
        connection.execute(insert(Intake), row | {"header": header})
        position = read_position(connection, job_id)
    assert position is not None
    notify(connections, lanes=[], changed=[JobChanged(job_id=job_id, project_id=key.project_id, version=1)])
    return position
