"""The webhooks of a project: made, listed, changed, tried, removed.

A URL is refused here as far as it says itself that nothing can be sent there; what its name means is looked up later.
"""

import base64
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx
from sqlalchemy import Connection, Engine, delete, func, insert, select, update

from farm.audit.record import Action, record
from farm.clock import Clock, system_clock
from farm.database import write
from farm.errors import Conflict, Fault, InvalidRequest, NotFound
from farm.ids import new_id
from farm.tables import Project, Webhook, WebhookDelivery
from scheduler.webhooks.addresses import Network, literal_address, may_reach, refusal
from scheduler.webhooks.deliveries import find_delivery
from scheduler.webhooks.events import TEST, EventType, webhook_test
from scheduler.webhooks.outbox import delivery_row

#: Each costs every job that ends a row.
MOST_WEBHOOKS = 20
_URL_CHARS = 1000
#: A name as DNS has them: labels of up to 63 characters (RFC 1035), 'xn--' those of other scripts.
_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*\.?")
_SECRET_BYTES = 24  # Standard Webhooks: 24 to 64

#: A row without its secrets.
_SHOWN = [column for column in Webhook.__table__.c if column.name not in ("secret", "old_secret")]


@dataclass(frozen=True)
class WebhookChange:
    """What is to be different; None: as it is."""

    url: str | None = None
    event_types: Sequence[EventType] | None = None
    enabled: bool | None = None


def create_webhook(
    engine: Engine, project_id: str, url: str, event_types: Sequence[EventType], now: float
) -> tuple[Any, str]:
    """A new webhook, as :func:`find_webhook` gives it, and its secret. `url`: checked by :func:`checked_url`.

    Raises Conflict when the project has as many as it may.
    """
    secret = _new_secret()
    webhook_id = new_id()
    row = {"id": webhook_id, "project_id": project_id, "url": url, "secret": secret, "enabled": True, "created_at": now}
    with write(engine) as connection:
        # One at a time, so that the count holds.
        connection.execute(select(Project.id).where(Project.id == project_id).with_for_update(key_share=True))
        count = connection.scalar(select(func.count()).where(Webhook.project_id == project_id)) or 0
        if count >= MOST_WEBHOOKS:
            raise Conflict(f"The project has {count} webhooks, which is the most; remove one first.")
        connection.execute(insert(Webhook).values(row | {"event_types": _texts(event_types)}))
        record(connection, Action.WEBHOOK_CREATED, webhook_id, now, project_id=project_id, host=httpx.URL(url).host)
        return find_webhook(connection, project_id, webhook_id), secret


def list_webhooks(connection: Connection, project_id: str) -> Sequence[Any]:
    """The webhooks of a project without their secrets, the oldest first; reads ix_webhooks_project_id."""
    return connection.execute(select(*_SHOWN).where(Webhook.project_id == project_id).order_by(Webhook.id)).all()


def find_webhook(connection: Connection, project_id: str, webhook_id: str) -> Any:
    """One webhook of this project without its secret. Raises NotFound."""
    found = connection.execute(
        select(*_SHOWN).where(Webhook.id == webhook_id, Webhook.project_id == project_id)
    ).one_or_none()
    if found is None:
        raise NotFound(f"There is no webhook {webhook_id} in your project.")
    return found


def change_webhook(
    engine: Engine, project_id: str, webhook_id: str, change: WebhookChange, *, clock: Clock = system_clock
) -> Any:
    """Change a webhook; what it is now. Raises NotFound."""
    values: dict[str, Any] = {}
    if change.url is not None:
        values["url"] = change.url
    if change.event_types is not None:
        values["event_types"] = _texts(change.event_types)
    if change.enabled is not None:
        values |= {"enabled": change.enabled, "disabled_reason": None}
    with write(engine) as connection:
        find_webhook(connection, project_id, webhook_id)
        if values:
            connection.execute(update(Webhook).where(Webhook.id == webhook_id).values(values))
            host = change.url and httpx.URL(change.url).host
            told = {"host": host, "enabled": change.enabled}
            record(connection, Action.WEBHOOK_CHANGED, webhook_id, clock(), project_id=project_id, **told)
        return find_webhook(connection, project_id, webhook_id)


def rotate_secret(
    engine: Engine, project_id: str, webhook_id: str, keep_seconds: float, *, clock: Clock = system_clock
) -> tuple[Any, str]:
    """Give a webhook a new secret; the one before signs too for `keep_seconds`. As :func:`create_webhook` answers.

    Of two that follow each other closely only the last one before is kept. Raises NotFound.
    """
    secret, now = _new_secret(), clock()
    keeps = keep_seconds > 0
    with write(engine) as connection:
        find_webhook(connection, project_id, webhook_id)
        values = {
            "secret": secret,
            "old_secret": Webhook.secret if keeps else None,
            "old_secret_until": now + keep_seconds if keeps else None,
        }
        connection.execute(update(Webhook).where(Webhook.id == webhook_id).values(values))
        told = {"new_secret": True, "seconds": keep_seconds}
        record(connection, Action.WEBHOOK_CHANGED, webhook_id, now, project_id=project_id, **told)
        return find_webhook(connection, project_id, webhook_id), secret


def remove_webhook(engine: Engine, project_id: str, webhook_id: str, *, clock: Clock = system_clock) -> None:
    """Remove a webhook with its deliveries, also those that are still to be sent. Raises NotFound."""
    with write(engine) as connection:
        find_webhook(connection, project_id, webhook_id)
        connection.execute(delete(Webhook).where(Webhook.id == webhook_id))
        record(connection, Action.WEBHOOK_DELETED, webhook_id, clock(), project_id=project_id)


def write_test(engine: Engine, project_id: str, webhook_id: str, now: float) -> Any:
    """Write an event of the type 'webhook.test' for a webhook; the row of its delivery.

    Raises NotFound, and Conflict for a webhook that is disabled.
    """
    with write(engine) as connection:
        if not find_webhook(connection, project_id, webhook_id).enabled:
            raise Conflict(f"Webhook {webhook_id} is disabled; enable it first.")
        payload = webhook_test(webhook_id, now).model_dump_json()
        row = delivery_row(webhook_id, new_id(), TEST, payload, now)
        connection.execute(insert(WebhookDelivery), row)
        return find_delivery(connection, webhook_id, str(row["id"]))


def checked_url(text: str, networks: Sequence[Network]) -> str:
    """The URL in the form in which it is kept. Raises InvalidRequest for one that can never be reached."""
    if fault := _fault(text, networks):
        raise InvalidRequest([Fault("/url", fault)])
    return str(httpx.URL(text))


def _fault(text: str, networks: Sequence[Network]) -> str | None:
    try:
        url = httpx.URL(text)
        ascii_length = len(str(url).encode("ascii"))
    except (httpx.InvalidURL, ValueError) as error:
        return f"is no URL: {error}"
    host = url.raw_host.decode("ascii")  # `host` would decode 'xn--', and raise what nobody expects
    address = literal_address(host)
    if url.scheme not in ("https", "http") or not (address or _NAME.fullmatch(host)):
        return "must begin with https:// and name a host"
    if url.userinfo or url.fragment:
        return "must have no user, no password and no fragment; what authenticates the farm is the signature"
    if ascii_length > _URL_CHARS:
        return f"must have at most {_URL_CHARS:,} characters; seen {ascii_length:,}"
    if url.port is not None and not 0 < url.port < 65_536:
        return "must name a port from 1 to 65535"
    secure = url.scheme == "https"
    if not secure and not networks:
        return refusal(secure=False)
    if address is not None and not may_reach(address, networks, secure=secure):
        return refusal(secure=secure)
    return None


def _new_secret() -> str:
    return "whsec_" + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode("ascii")


def _texts(event_types: Sequence[EventType]) -> list[str]:
    return sorted({event_type.value for event_type in event_types})
