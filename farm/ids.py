"""Ids that sort by the time they were made."""

import uuid

import uuid_utils


def new_id() -> str:
    """A UUIDv7 (RFC 9562 §5.7) in its canonical form, 36 characters."""
    return str(uuid_utils.uuid7())


def is_id(text: str) -> bool:
    """Whether this may be an id: asked before a database is, which refuses anything else."""
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False
