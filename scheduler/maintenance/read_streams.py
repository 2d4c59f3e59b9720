"""Duty: streams that lie in the object storage are taken in, part by part; those that nobody goes on with end.

A pass reads for a few seconds at most, and the next one goes on at the byte where it stopped, also in another
supervisor. An object that was written anew meanwhile must begin with the bytes that were admitted.
"""

import zlib
from collections.abc import Iterator
from dataclasses import replace

import structlog
from sqlalchemy import select, update

from farm.connections import Connections
from farm.database import read, write
from farm.errors import Conflict, FarmError, IdempotencyMismatch, StorageDown
from farm.lifecycle import RenderStatus
from farm.quota_errors import BudgetSpent, QuotaExceeded
from farm.stream_errors import StreamFault
from farm.tables import Intake
from scheduler.control.end_jobs import end_job
from scheduler.control.end_renders import Ending
from scheduler.intake.open_stream import Position, read_position
from scheduler.intake.read_stream import take_in
from scheduler.intake.sources import check_source

log = structlog.get_logger(__name__)

ROWS_A_PASS = 20_000
STREAMS_A_PASS = 8
_OPEN = Intake.sealed_at.is_(None)


def one_pass(connections: Connections, now: float) -> int:
    """Go on with every stream in the object storage; returns how many streams moved or ended."""
    return _expire(connections, now) + sum(_go_on(connections, position) for position in _waiting(connections))


def _waiting(connections: Connections) -> list[Position]:
    with read(connections.engine) as connection:
        found = connection.scalars(
            select(Intake.job_id).where(_OPEN, Intake.source.is_not(None)).order_by(Intake.updated_at)
        )
        positions = [read_position(connection, job_id) for job_id in found]
    # One that a fault has stopped waits for its owner.
    return [position for position in positions if position is not None and position.error is None][:STREAMS_A_PASS]


def _go_on(connections: Connections, position: Position) -> int:
    assert position.source is not None
    try:
        key = check_source(position.source, connections.settings.s3_bucket, position.project_id)
        version = connections.storage.version(key)
        if version != position.source_version:
            position = _take_version(connections, position, key, version)
        body = connections.storage.stream(key, position.bytes, version)
        take_in(connections, position, body, offset=position.bytes, most_rows=ROWS_A_PASS)
    except (StorageDown, Conflict) as error:
        log.warning("stream put off", job_id=position.job_id, reason=error.detail)
        return 0
    except (QuotaExceeded, BudgetSpent) as error:
        log.info("stream waits for its quota", job_id=position.job_id, reason=error.detail)
        return _touch(connections, position)
    except StreamFault:
        return 1  # kept beside the stream, where its owner reads it
    except FarmError as error:
        _fail(connections, position, error)
    return 1


def _take_version(connections: Connections, position: Position, key: str, version: str) -> Position:
    """Remember which object it is; a new one must begin as the old one did."""
    crc = 0
    for data in _first(connections.storage.stream(key, 0, version), position.bytes):
        crc = zlib.crc32(data, crc)
    if crc != position.crc32:
        raise IdempotencyMismatch(
            f"The object was written anew and its first {position.bytes:,} bytes, which are admitted, are other ones; "
            "submit it under a new key."
        )
    with write(connections.engine) as connection:
        connection.execute(update(Intake).where(Intake.job_id == position.job_id).values(source_version=version))
    return replace(position, source_version=version)


def _first(body: Iterator[bytes], length: int) -> Iterator[bytes]:
    for data in body if length else ():
        yield data[:length]
        length -= len(data)
        if length <= 0:
            return


def _touch(connections: Connections, position: Position) -> int:
    """A stream that waits for its quota is not forgotten."""
    with write(connections.engine) as connection:
        this = update(Intake).where(Intake.job_id == position.job_id)
        connection.execute(this.values(updated_at=connections.clock()))
    return 0


def _fail(connections: Connections, position: Position, error: FarmError) -> None:
    faults = [{"pointer": fault.field, "detail": fault.message} for fault in error.faults]
    told = {"detail": error.detail, "faults": faults, "line": position.lines + 1, "byte": position.bytes}
    with write(connections.engine) as connection:
        connection.execute(update(Intake).where(Intake.job_id == position.job_id).values(error=told))


def _expire(connections: Connections, now: float) -> int:
    """End streams of which nothing was heard for too long, with the renders of theirs that have not ended."""
    hours = connections.settings.intake_hours
    with read(connections.engine) as connection:
        silent = connection.scalars(
            select(Intake.job_id).where(_OPEN, Intake.updated_at < now - hours * 3600).order_by(Intake.updated_at)
        ).all()
    reason = f"The stream of its job was not ended: nothing more came for {hours:g} hours."
    ending = Ending(RenderStatus.EXPIRED, reason)
    for job_id in silent:
        end_job(connections, job_id, ending)
    return len(silent)
