"""Ids that sort by the time they were made."""

import uuid_utils


def new_id() -> str:
    """A UUIDv7 (RFC 9562 §5.7) in its canonical form, 36 characters."""
    return str(uuid_utils.uuid7())
