"""Webhooks: who is told when jobs of the project end, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from farm.client.connection.transport import Transport, api_path, read_reply
from farm.client.lists import pages, whole_list
from farm.client.replies import CreatedWebhook, Webhook, WebhookDelivery
from farm.client.short_ids import find_whole_id

#: So many of the newest deliveries are looked at for a part of an id.
_NEWEST_DELIVERIES = 1000


class Webhooks:
    """The webhooks of the project, and their deliveries."""

    _transport: Transport

    def webhooks(self) -> list[Webhook]:
        """The webhooks of the project, the oldest first, without their secrets."""
        return whole_list(self._transport, Webhook, api_path("webhooks"))

    def webhook(self, webhook_id: str) -> Webhook:
        """One webhook, without its secret."""
        return read_reply(Webhook, self._transport.get(api_path("webhooks", webhook_id)))

    def add_webhook(self, url: str, event_types: Sequence[str] | None = None) -> CreatedWebhook:
        """Have an address told when jobs end; the answer has the `secret` that signs, this once and never again.

        `event_types`: only of these, such as job.failed or render.done; without them of every end of a job.
        """
        body = {"url": url} | ({} if event_types is None else {"event_types": list(event_types)})
        return read_reply(CreatedWebhook, self._transport.post(api_path("webhooks"), body, repeatable=False))

    def change_webhook(
        self,
        webhook_id: str,
        *,
        url: str | None = None,
        event_types: Sequence[str] | None = None,
        enabled: bool | None = None,
    ) -> Webhook:
        """Change what is given. What is still to be sent goes to the new address."""
        asked = {"url": url, "event_types": None if event_types is None else list(event_types), "enabled": enabled}
        body = {name: value for name, value in asked.items() if value is not None}
        return read_reply(Webhook, self._transport.patch(api_path("webhooks", webhook_id), body))

    def renew_webhook_secret(self, webhook_id: str, keep_seconds: float = 86_400.0) -> CreatedWebhook:
        """A new `secret`, which the answer has this once; the one before signs too for `keep_seconds`."""
        path = api_path("webhooks", webhook_id, "secret")
        return read_reply(CreatedWebhook, self._transport.post(path, {"keep_seconds": keep_seconds}, repeatable=False))

    def remove_webhook(self, webhook_id: str) -> None:
        """Remove a webhook with the log of its deliveries; what is still to be sent is not sent."""
        self._transport.delete(api_path("webhooks", webhook_id))

    def test_webhook(self, webhook_id: str) -> WebhookDelivery:
        """Have an event `webhook.test` sent; its delivery says later what came of it."""
        told = self._transport.post(api_path("webhooks", webhook_id, "test"), repeatable=False)
        return read_reply(WebhookDelivery, told)

    def webhook_deliveries(
        self, webhook_id: str, *, state: str | None = None, limit: int | None = None
    ) -> Iterator[WebhookDelivery]:
        """The deliveries of a webhook, newest first, at most `limit`; `state`: pending, delivered or failed."""
        path = api_path("webhooks", webhook_id, "deliveries")
        return pages(self._transport, WebhookDelivery, path, {"state": state}, limit)

    def replay_delivery(self, webhook_id: str, delivery_id: str) -> WebhookDelivery:
        """Send an event again, whatever came of it before, under the same `webhook-id`."""
        path = api_path("webhooks", webhook_id, "deliveries", delivery_id, "replay")
        return read_reply(WebhookDelivery, self._transport.post(path, repeatable=False))

    def find_webhook_id(self, typed: str) -> str:
        """The id of the webhook from a part of it. Raises NotFound, and AmbiguousId with all that it may be."""
        return find_whole_id(typed, "webhook", lambda: ((one.id, one.url) for one in self.webhooks()))

    def find_delivery_id(self, webhook_id: str, typed: str) -> str:
        """The id of one of the newest deliveries from a part of it. Raises NotFound, AmbiguousId."""
        newest = self.webhook_deliveries(webhook_id, limit=_NEWEST_DELIVERIES)
        words = ((one.id, f"{one.event_type}, {one.state}") for one in newest)
        return find_whole_id(typed, "delivery", lambda: words)
