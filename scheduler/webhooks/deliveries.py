"""Deliveries as rows: which are due, who makes the next attempt, how it went; the log, and sending again."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, and_, bindparam, exists, select, update

from farm.database import write
from farm.errors import NotFound
from farm.sentences import sentence
from farm.tables import Webhook, WebhookDelivery
from scheduler.webhooks.backoff import retry_seconds
from scheduler.webhooks.sign_and_send import ATTEMPT_SECONDS, Answer, Message

#: Whoever began an attempt and has not said how it went after so long is dead: the next may make it again. Finding
#: out what a name means has no end of its own; resolvers give up within half a minute.
HELD_SECONDS = 60.0 + ATTEMPT_SECONDS
#: The answer of a receiver that wants no more: its webhook is disabled.
GONE = 410


class DeliveryState(StrEnum):
    """How a delivery stands."""

    PENDING = "pending"  # it is tried, now or later
    DELIVERED = "delivered"
    FAILED = "failed"  # given up


@dataclass(frozen=True)
class HeldDelivery:
    """A delivery whose next attempt belongs to whoever has this."""

    id: str
    webhook_id: str
    attempts: int  # this one included
    until: float  # the fence: what the row has while nobody else took it
    message: Message


def _due(now: float | ColumnElement[float]) -> ColumnElement[bool]:
    """Not null, in words that both databases find the partial index by."""
    return and_(WebhookDelivery.next_attempt_at.is_not(None), WebhookDelivery.next_attempt_at <= now)


_DUE_WEBHOOKS = select(Webhook.id, Webhook.project_id).where(
    Webhook.enabled, exists().where(WebhookDelivery.webhook_id == Webhook.id, _due(bindparam("now")))
)
_NEXT = (
    select(WebhookDelivery, Webhook.url, Webhook.secret, Webhook.old_secret, Webhook.old_secret_until)
    .join(Webhook, Webhook.id == WebhookDelivery.webhook_id)
    .where(WebhookDelivery.webhook_id == bindparam("of_webhook"), _due(bindparam("now")), Webhook.enabled)
    .order_by(WebhookDelivery.next_attempt_at, WebhookDelivery.id)
    .limit(1)
)


def anything_due(now: float) -> ColumnElement[bool]:
    """Whether anything is to be sent, also of a webhook that is disabled meanwhile."""
    return exists().where(_due(now))


def due_webhooks(connection: Connection, now: float) -> list[tuple[str, str]]:
    """Webhooks with something to send, and their projects, by id; one probe of ix_webhook_deliveries_due each."""
    return [(row.id, row.project_id) for row in connection.execute(_DUE_WEBHOOKS, {"now": now})]


def hold_next(engine: Engine, webhook_id: str, now: float) -> HeldDelivery | None:
    """Take what is due the longest of a webhook, so that nobody else sends it at the same time; None: nothing is."""
    until = now + HELD_SECONDS
    with write(engine) as connection:
        row = connection.execute(_NEXT, {"of_webhook": webhook_id, "now": now}).one_or_none()
        if row is None:
            return None
        held = connection.execute(
            update(WebhookDelivery)
            .where(WebhookDelivery.id == row.id, WebhookDelivery.attempts == row.attempts, _due(now))
            .values(attempts=row.attempts + 1, attempted_at=now, next_attempt_at=until, collecting_job_id=None)
            .returning(WebhookDelivery.payload)  # of this moment: it may have taken in more since it was read
        ).one_or_none()
        if held is None:  # somebody else was quicker
            return None
    old = row.old_secret if row.old_secret_until is not None and row.old_secret_until > now else None
    message = Message(row.url, row.secret, row.event_id, held.payload, old)
    return HeldDelivery(row.id, webhook_id, row.attempts + 1, until, message)


def write_answer(engine: Engine, held: HeldDelivery, answer: Answer, now: float, chance: float) -> bool:
    """Write how an attempt went, and when the next one is; whether that is the end of it.

    Nothing is written for an attempt that another one, or a replay, has followed. `chance`: see :func:`retry_seconds`.
    """
    gone = answer.status == GONE
    pause = None if answer.accepted or gone else retry_seconds(held.attempts, chance)
    values = {
        "last_status": answer.status,
        "last_error": answer.error,
        "delivered_at": now if answer.accepted else None,
        "next_attempt_at": None if pause is None else now + pause,
    }
    this = and_(
        WebhookDelivery.id == held.id,
        WebhookDelivery.attempts == held.attempts,
        WebhookDelivery.next_attempt_at == held.until,
    )
    with write(engine) as connection:
        if gone:  # the webhook first, as whoever removes it locks them
            reason = str(sentence("The receiver answered %(status)s: it wants no more.", status=GONE))
            disabled = {"enabled": False, "disabled_reason": reason}
            connection.execute(update(Webhook).where(Webhook.id == held.webhook_id).values(disabled))
        connection.execute(update(WebhookDelivery).where(this).values(values))
    return pause is None


def list_deliveries(
    connection: Connection, webhook_id: str, *, state: DeliveryState | None, before: str | None, limit: int
) -> Sequence[Any]:
    """Deliveries of a webhook, the newest first. Reads ix_webhook_deliveries_webhook_id_id."""
    statement = select(*WebhookDelivery.__table__.c).where(WebhookDelivery.webhook_id == webhook_id)
    if state is not None:
        statement = statement.where(_is(state))
    if before is not None:
        statement = statement.where(WebhookDelivery.id < before)
    return connection.execute(statement.order_by(WebhookDelivery.id.desc()).limit(limit)).all()


def find_delivery(connection: Connection, webhook_id: str, delivery_id: str) -> Any:
    """One delivery of this webhook. Raises NotFound."""
    this = and_(WebhookDelivery.id == delivery_id, WebhookDelivery.webhook_id == webhook_id)
    found = connection.execute(select(*WebhookDelivery.__table__.c).where(this)).one_or_none()
    if found is None:
        raise NotFound(f"There is no delivery {delivery_id} of this webhook; old ones are removed.")
    return found


def replay(connection: Connection, webhook_id: str, delivery_id: str, now: float) -> Any:
    """Send a delivery again, now, under the same webhook-id, whatever came of it before; its row. Raises NotFound.

    It begins a new series of attempts; what comes of one that is under way no longer counts.
    """
    find_delivery(connection, webhook_id, delivery_id)
    again = {"attempts": 0, "next_attempt_at": now, "delivered_at": None}
    connection.execute(update(WebhookDelivery).where(WebhookDelivery.id == delivery_id).values(again))
    return find_delivery(connection, webhook_id, delivery_id)


def state_of(row: Any) -> DeliveryState:
    """How the delivery of this row stands."""
    if row.next_attempt_at is not None:
        return DeliveryState.PENDING
    return DeliveryState.FAILED if row.delivered_at is None else DeliveryState.DELIVERED


def _is(state: DeliveryState) -> ColumnElement[bool]:
    if state is DeliveryState.PENDING:
        return WebhookDelivery.next_attempt_at.is_not(None)
    delivered = WebhookDelivery.delivered_at.is_not(None)
    ended = delivered if state is DeliveryState.DELIVERED else WebhookDelivery.delivered_at.is_(None)
    return and_(WebhookDelivery.next_attempt_at.is_(None), ended)
