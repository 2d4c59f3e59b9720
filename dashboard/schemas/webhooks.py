"""Who is told when jobs end, and what was sent."""

from pydantic import Field

from dashboard.schemas.base import Answer
from scheduler.webhooks.deliveries import DeliveryState
from scheduler.webhooks.events import EventType


class Webhook(Answer):
    """An address that is told of a project's events."""

    id: str
    url: str
    event_types: list[EventType]
    enabled: bool = Field(description="false: nothing is sent, and nothing new is kept to be sent")
    disabled_reason: str | None = Field(description="Why the farm has disabled it; null where people did")
    old_secret_until: str | None = Field(description="The secret before this one signs too until then; null: none does")
    created_at: str


class CreatedWebhook(Webhook):
    """A webhook with a new secret, with what its receiver checks signatures with."""

    secret: str = Field(description="whsec_…, as Standard Webhooks writes it; it is shown this once and never again")


class WebhookList(Answer):
    """All webhooks of a project, the oldest first."""

    items: list[Webhook]


class WebhookDelivery(Answer):
    """One event for one webhook: what was sent, or is still to be sent."""

    id: str
    event_id: str = Field(description="What the receiver sees as webhook-id: the same at each attempt")
    event_type: str
    state: DeliveryState
    attempts: int
    attempted_at: str | None = Field(description="When the last attempt began")
    last_status: int | None = Field(description="The HTTP status that the last attempt was answered; null: none came")
    last_error: str | None = Field(description="What was wrong with it, in words")
    next_attempt_at: str | None = Field(description="null: delivered, or given up")
    delivered_at: str | None
    created_at: str
    payload: str = Field(description="The body, byte for byte as it is sent")


class WebhookDeliveryPage(Answer):
    """One page of deliveries, the newest first."""

    items: list[WebhookDelivery]
    next_cursor: str | None
