"""Who is told when jobs end, and what was sent."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from farm.client.replies.base import Reply


class Webhook(Reply):
    """An address that is told of the project's events."""

    id: str
    url: str
    event_types: list[str] = Field(default_factory=list)
    enabled: bool = True
    #: Why the farm has disabled it; None where people did.
    disabled_reason: str | None = None
    #: The secret before this one signs too until then.
    old_secret_until: datetime | None = None
    created_at: datetime | None = None


class CreatedWebhook(Webhook):
    """A new webhook, with what its receiver checks signatures with: it is shown this once."""

    secret: str = Field(repr=False)


class WebhookDelivery(Reply):
    """One event for one webhook: what was sent, or is still to be sent."""

    id: str
    #: What the receiver sees as `webhook-id`: the same at each attempt.
    event_id: str
    event_type: str
    state: str
    attempts: int = 0
    attempted_at: datetime | None = None
    #: The HTTP status that the last attempt was answered; None: none came.
    last_status: int | None = None
    last_error: str | None = None
    next_attempt_at: datetime | None = None
    delivered_at: datetime | None = None
    created_at: datetime | None = None
    #: The body, as it is sent.
    payload: str = ""
