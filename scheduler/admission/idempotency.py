"""Idempotency: a submission that comes again with its key is answered with the job it made the first time."""

from dataclasses import dataclass

from sqlalchemy import Connection, select

from farm.errors import Fault, IdempotencyMismatch, InvalidRequest
from farm.ids import new_id
from farm.tables import Event, IdempotencyKey, Render
from scheduler.dialects import insert_or_ignore

LONGEST_KEY = 200  # characters


@dataclass(frozen=True)
class Key:
    """An Idempotency-Key of a project, with the SHA-256 of the body it came with."""

    project_id: str
    text: str
    body_sha256: str


def check_key(project_id: str, text: str | None, body_sha256: str) -> Key | None:
    """The key of a request, if it has one. Raises InvalidRequest when it cannot be kept."""
    if text is None:
        return None
    if 0 < len(text) <= LONGEST_KEY and text.isascii() and text.isprintable():
        return Key(project_id, text, body_sha256)
    rule = f"must have 1 to {LONGEST_KEY} printable ASCII characters"
    raise InvalidRequest([Fault("Idempotency-Key", f"{rule}; seen {text[:40]!r} ({len(text)} characters)")])


def find_job(connection: Connection, key: Key) -> str | None:
    """The id of the job that this key made before, if any.

    Raises:
        IdempotencyMismatch: it was made by another body.
    """
    found = connection.execute(
        select(IdempotencyKey.body_sha256, IdempotencyKey.job_id).where(
            IdempotencyKey.project_id == key.project_id, IdempotencyKey.key == key.text
        )
    ).one_or_none()
    if found is None:
        return None
    if found.body_sha256 != key.body_sha256:
        raise IdempotencyMismatch(
            f"The Idempotency-Key {key.text!r} made job {found.job_id} from another request; "
            "send a new key for a new request, or the same request again."
        )
    return str(found.job_id)


def claim_key(connection: Connection, key: Key, job_id: str, now: float) -> bool:
    """Bind the key to this job; False when another transaction committed the same key first."""
    statement = insert_or_ignore(connection, IdempotencyKey).values(
        id=new_id(),
        project_id=key.project_id,
        key=key.text,
        body_sha256=key.body_sha256,
        job_id=job_id,
        created_at=now,
    )
    return connection.scalar(statement.returning(IdempotencyKey.id)) is not None


def notices_of(connection: Connection, job_id: str) -> list[str]:
    """What was said when the job was accepted, from its first event."""
    payload = connection.scalar(select(Event.payload).where(Event.job_id == job_id, Event.version == 1))
    return list(payload.get("notices", [])) if payload else []


def seeds_of(connection: Connection, job_id: str) -> list[int]:
    """The seeds of a job's renders, by index."""
    rows = connection.scalars(select(Render.parameters).where(Render.job_id == job_id).order_by(Render.index))
    return [int(parameters["seed"]) for parameters in rows]
