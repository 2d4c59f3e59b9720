"""Duty: what was deleted or kept long enough is removed: ended jobs with their files, rows that tell of the past.

A job goes in small transactions, files before rows: a crash at any point leaves a job with fewer renders, which the
next pass finds again. A job that another one still waits for (`after`) stays.
"""

from typing import Any

import structlog
from sqlalchemy import Connection, Delete, and_, bindparam, delete, exists, func, or_, select, tuple_

from farm.connections import Connections
from farm.database import read, write
from farm.errors import StorageDown
from farm.lifecycle import WorkerStatus
from farm.security import KeyKind
from farm.tables import (
    Artifact,
    Attempt,
    AuditEntry,
    Dependency,
    Event,
    IdempotencyKey,
    Intake,
    Job,
    Key,
    Observation,
    Project,
    Render,
    ScaleDecision,
    Session,
    WebhookDelivery,
    Worker,
)
from scheduler.gallery.deletion import remove_deleted
from scheduler.gallery.second_renders import has_marked

log = structlog.get_logger(__name__)

EVERY_SECONDS = 10.0
#: Renders or rows removed in one transaction, and transactions in one pass: other duties have their turn between.
CHUNK = 500
CHUNKS_A_PASS = 10
DAY = 86_400.0


def one_pass(connections: Connections, now: float) -> int:
    """Remove some of what is too old; returns how many chunks. Several passes remove the rest."""
    done = 0
    while done < CHUNKS_A_PASS:
        job_id = _next_job(connections, now)
        if job_id is None:
            break
        try:
            _remove_some(connections, job_id)
        except StorageDown as error:
            log.warning("retention put off: files cannot be removed", job_id=job_id, reason=str(error))
            break
        done += 1
    if done < CHUNKS_A_PASS:
        done += _remove_deleted_renders(connections, now)
    settings = connections.settings
    audited = _old_entries(now - settings.retain_audit_days * DAY)
    for statement in [*_old_rows(now - settings.retain_events_days * DAY), audited]:
        while done < CHUNKS_A_PASS:
            with write(connections.engine) as connection:
                removed = connection.execute(statement).rowcount
            done += bool(removed)
            if removed < CHUNK:
                break
    return done


def _remove_deleted_renders(connections: Connections, now: float) -> bool:
    """The files of some single renders that were deleted and whose time has come; whether there were any."""
    try:
        return remove_deleted(connections, now, most=CHUNK) > 0
    except StorageDown as error:
        log.warning("deleted renders stay for now: files cannot be removed", reason=str(error))
        return False


def _next_job(connections: Connections, now: float) -> str | None:
    """A job whose time has come: it was deleted, only verified, or is old."""
    settings = connections.settings
    verified_before = now - settings.retain_verification_days * DAY
    with read(connections.engine) as connection:
        job_id: str | None = (
            connection.scalar(_DELETED, {"now": now})
            or connection.scalar(_VERIFIED, {"before": verified_before})
            or connection.scalar(_oldest_job(now, settings.retain_days))
        )
    return job_id


_WAITED_FOR = exists().where(Dependency.after_id == Job.id, Dependency.resolved_at.is_(None))
#: A job that somebody deleted and whose time has come, and that no other waits for. Reads ix_jobs_delete_at.
_DELETED = (
    select(Job.id)
    .where(Job.delete_at.is_not(None), Job.delete_at <= bindparam("now"), Job.finished_at.is_not(None), ~_WAITED_FOR)
    .order_by(Job.delete_at)
    .limit(1)
)

#: A job that only verified, of whose second renders nobody has marked one. Reads ix_jobs_verifies_id.
_VERIFIED = (
    select(Job.id)
    .where(Job.verifies_id.is_not(None), Job.finished_at < bindparam("before"), ~has_marked(), ~_WAITED_FOR)
    .order_by(Job.finished_at)
    .limit(1)
)


def _oldest_job(now: float, default_days: float | None) -> Any:
    """A job that ended too long ago, and that no other waits for. Reads ix_jobs_finished_at."""
    days = func.coalesce(Project.retention_days, default_days)
    return (
        select(Job.id)
        .join(Project, Project.id == Job.project_id)
        .where(Job.finished_at.is_not(None), Job.finished_at < now - days * DAY, ~_WAITED_FOR)
        .order_by(Job.finished_at)
        .limit(1)
    )


def _remove_some(connections: Connections, job_id: str) -> None:
    """Some renders of the job with their files; when there are none left its events, and then the job itself."""
    with read(connections.engine) as connection:
        renders = connection.scalars(
            select(Render.id).where(Render.job_id == job_id).order_by(Render.index).limit(CHUNK)
        ).all()
        keys = connection.scalars(select(Artifact.key).where(Artifact.render_id.in_(renders))).all()
    if keys:
        connections.storage.delete(keys)
    try:
        with write(connections.engine) as connection:
            if renders:
                for table in (Artifact, Attempt):
                    connection.execute(delete(table).where(table.render_id.in_(renders)))
                connection.execute(delete(Render).where(Render.id.in_(renders)))
            # Locked last, as everywhere.
            if connection.scalar(select(Job.finished_at).where(Job.id == job_id).with_for_update()) is None:
                raise _Reopened
            if not renders:
                _remove_job(connection, job_id)
    except _Reopened:
        log.info("job not removed: a render of it was retried", job_id=job_id)


class _Reopened(Exception):
    """The job goes on, by somebody's wish: what was about to be removed stays."""


def _remove_job(connection: Connection, job_id: str) -> None:
    """A chunk of its events; with the last of them all that refers to the job, and its row."""
    versions = select(Event.version).where(Event.job_id == job_id).order_by(Event.version).limit(CHUNK)
    removed = connection.execute(delete(Event).where(Event.job_id == job_id, Event.version.in_(versions)))
    if removed.rowcount == CHUNK:
        return
    resolved = and_(Dependency.after_id == job_id, Dependency.resolved_at.is_not(None))
    connection.execute(delete(Dependency).where(or_(Dependency.job_id == job_id, resolved)))
    for table in (Intake, IdempotencyKey):
        connection.execute(delete(table).where(table.job_id == job_id))
    connection.execute(delete(Job).where(Job.id == job_id))
    log.info("job removed: kept long enough, or deleted", job_id=job_id)


def _old_entries(before: float) -> Delete:
    """A chunk of the audit log that is older than `before`. Reads ix_audit_log_at."""
    old = select(AuditEntry.id).where(AuditEntry.at < before).order_by(AuditEntry.at).limit(CHUNK)
    return delete(AuditEntry).where(AuditEntry.id.in_(old))


def _old_rows(before: float) -> list[Delete]:
    """Rows that only tell of the past: a chunk of each kind that is older than `before`.

    Where no index has the time, those with the smallest ids are looked at: ids count up as time does.
    """
    event = tuple_(Event.job_id, Event.version)
    events = select(Event.job_id, Event.version).where(Event.at < before).order_by(Event.at).limit(CHUNK)
    decisions = select(ScaleDecision.id).where(ScaleDecision.at < before).order_by(ScaleDecision.at).limit(CHUNK)
    replays = select(IdempotencyKey.id).order_by(IdempotencyKey.id).limit(CHUNK)
    observations = select(Observation.id).order_by(Observation.id).limit(CHUNK)
    deliveries = select(WebhookDelivery.id).order_by(WebhookDelivery.id).limit(CHUNK)
    sessions = select(Session.id).where(Session.expires_at < before).order_by(Session.expires_at).limit(CHUNK)
    spent = or_(Key.used_at.is_not(None), Key.expires_at < before)
    return [
        delete(Event).where(event.in_(events)),
        delete(ScaleDecision).where(ScaleDecision.id.in_(decisions)),
        delete(IdempotencyKey).where(IdempotencyKey.id.in_(replays), IdempotencyKey.created_at < before),
        delete(Observation).where(Observation.id.in_(observations), Observation.at < before),
        delete(WebhookDelivery).where(WebhookDelivery.id.in_(deliveries), WebhookDelivery.created_at < before),
        delete(Session).where(Session.id.in_(sessions), Session.expires_at < before),
        delete(Key).where(Key.kind == KeyKind.SIGN_IN.value, spent, Key.created_at < before),
        delete(Worker).where(Worker.status == WorkerStatus.GONE.value, Worker.heartbeat_at < before),
    ]
