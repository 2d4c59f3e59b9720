"""The end of a stream: its last row is in, or nothing more will come. Then its job is as its counts say."""

from typing import Any

from sqlalchemy import Connection, delete, exists, null, select, update

from farm.connections import Connections
from farm.database import read, write
from farm.errors import Conflict
from farm.lifecycle import JobStatus
from farm.progress import JobChanged
from farm.tables import Dependency, Event, IdempotencyKey, Intake, Job
from scheduler.fleet.wake_workers import notify
from scheduler.intake.open_stream import Position, read_position
from scheduler.leases.job_counters import JobChange, record
from scheduler.leases.job_status import end_job, move_job


def seal(connections: Connections, position: Position) -> Position:
    """No row follows: the job is open, or has ended if all its renders have. Sealing it again changes nothing.

    Raises:
        Conflict: another request has moved the stream meanwhile.
        StreamEnded: its job was ended meanwhile.
    """
    now = connections.clock()
    with write(connections.engine) as connection:
        if not _close(connection, position.job_id, now, None, bytes_=position.bytes):
            found = read_position(connection, position.job_id)
            if found is not None and found.sealed_at is not None and found.bytes == position.bytes:
                found.check_goes_on()
                return found
            raise Conflict(f"Another request is sending the stream of job {position.job_id}; go on where it is.")
        changed = _settle(connection, position.job_id, "sealed", now)
        found = read_position(connection, position.job_id)
    notify(connections, lanes=[], changed=[changed])
    assert found is not None
    return found


def stop(connections: Connections, job_id: str, reason: str, *, ends_as: JobStatus, now: float) -> bool:
    """End a stream before its last row, if it goes on, with its job; whether it did.

    ends_as: CANCELLED or EXPIRED. What was admitted is marked to end so (`jobs.ending`) in the same transaction: nobody
    looks for a stream that has ended, should whoever ends the renders be killed. Without any render the job has ended.
    """
    with read(connections.engine) as connection:
        if connection.scalar(select(Intake.job_id).where(Intake.job_id == job_id, Intake.sealed_at.is_(None))) is None:
            return False
    with write(connections.engine) as connection:
        if not _close(connection, job_id, now, {"stopped": reason}):
            return False
        changed = _settle(connection, job_id, "stopped", now, ends_as)
        unfinished = update(Job).where(Job.id == job_id, Job.finished_at.is_(None))
        connection.execute(unfinished.values(ending=ends_as.value, ending_reason=reason))
    notify(connections, lanes=[], changed=[changed])
    return True


def discard(connections: Connections, position: Position) -> bool:
    """Remove the job of a stream of which nothing was admitted, and its key; whether it could be.

    It stays where another request has moved the stream, or another job waits for it.
    """
    this = position.job_id
    with write(connections.engine) as connection:
        empty = delete(Intake).where(
            Intake.job_id == this, Intake.bytes == position.bytes, Intake.renders == 0, Intake.sealed_at.is_(None)
        )
        waited_for = select(exists().where(Dependency.after_id == this))
        if connection.scalar(waited_for) or connection.execute(empty).rowcount != 1:
            return False
        for table in (Event, IdempotencyKey, Dependency):
            connection.execute(delete(table).where(table.job_id == this))
        connection.execute(delete(Job).where(Job.id == this))
    return True


def _close(
    connection: Connection, job_id: str, now: float, error: dict[str, Any] | None, *, bytes_: int | None = None
) -> bool:
    statement = update(Intake).where(Intake.job_id == job_id, Intake.sealed_at.is_(None))
    if bytes_ is not None:
        statement = statement.where(Intake.bytes == bytes_)
    return connection.execute(statement.values(sealed_at=now, updated_at=now, error=error or null())).rowcount == 1


def _settle(
    connection: Connection, job_id: str, event: str, now: float, empty: JobStatus = JobStatus.CANCELLED
) -> JobChanged:
    """The job is no longer admitted: what it is now, its counters say."""
    admitting = [JobStatus.ADMITTING]
    move_job(connection, job_id, admitting, JobStatus.OPEN, Job.renders_total > 0)
    end_job(connection, job_id, admitting, empty, Job.renders_total == 0, now=now)
    change = JobChange()
    change.events[event] = []
    return record(connection, {job_id: change}, now)[0]
