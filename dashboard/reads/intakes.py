"""Streams as people see them."""

from dashboard import schemas
from dashboard.times import iso, iso_or_none
from scheduler.intake.open_stream import Position


def intake_answer(position: Position) -> schemas.Intake:
    """How far a stream is."""
    return schemas.Intake(
        format=position.form,
        source=position.source,
        rows=position.rows,
        renders=position.renders,
        bytes=position.bytes,
        next_line=position.lines + 1,
        crc32=position.crc32,
        sealed=position.sealed_at is not None,
        sealed_at=iso_or_none(position.sealed_at),
        updated_at=iso(position.updated_at),
        error=position.error,
    )
