"""The audit log as the API answers it."""

from dataclasses import asdict
from typing import Any

from pydantic import Field

from dashboard.schemas.base import Answer
from dashboard.times import iso
from farm.audit.actor import Via
from farm.audit.read import AuditRow


class AuditEntry(Answer):
    """One deed."""

    id: str
    at: str
    action: str = Field(description="What was done: key.created, job.deleted, session.refused …")
    actor: str = Field(description="Who did it: the name of a user, of a key, or of the operating system's user")
    user_id: str | None
    key_id: str | None = Field(description="The key that the request came with; null: a session, or a command")
    via: Via
    address: str | None = Field(description="Of the network; null for a command")
    request_id: str | None = Field(description="X-Request-Id of the request")
    project: str | None = Field(description="The name of the project that it concerns")
    target: str | None = Field(description="To what it was done: a name or an id")
    details: dict[str, Any] = Field(description="What else is to be said, by name; never a secret or a prompt")


class AuditPage(Answer):
    """One page of the audit log, the newest entry first."""

    items: list[AuditEntry]
    next_cursor: str | None


def shown_entry(row: AuditRow) -> AuditEntry:
    """An entry as the API answers it."""
    return AuditEntry(**asdict(row) | {"at": iso(row.at)})
