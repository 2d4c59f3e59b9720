"""What was done, by whom."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from farm.client.replies.base import Reply


class AuditEntry(Reply):
    """One deed in the audit log."""

    id: str
    at: datetime
    #: What was done, such as key.created.
    action: str
    #: The name of a user, of a key, or of the operating system's user.
    actor: str
    user_id: str | None = None
    key_id: str | None = None
    #: dashboard, api or command.
    via: str = ""
    address: str | None = None
    request_id: str | None = None
    project: str | None = None
    target: str | None = None
    details: dict[str, Any] = Field(default_factory=dict)
