"""POST /api/v1/webhooks/{webhook_id}/secret: another secret, while the one before signs too for a time."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import BaseModel, ConfigDict, Field

from dashboard.api.common import WEBHOOKS, WebhookPath, json_body, reply
from dashboard.auth import principal
from dashboard.context import farm
from dashboard.http.bodies import read_json
from dashboard.reads.ids import known_form
from dashboard.reads.webhooks import shown_webhook
from dashboard.schemas import CreatedWebhook
from scheduler.webhooks.subscriptions import rotate_secret

DAY_SECONDS = 86_400.0


class NewSecret(BaseModel):
    """For how long both sign."""

    model_config = ConfigDict(extra="forbid")
    keep_seconds: float = Field(
        DAY_SECONDS, ge=0, le=30 * DAY_SECONDS, description="The secret before signs too for so long; 0: not at all"
    )


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.post(
        "/webhooks/<webhook_id>/secret",
        tags=[WEBHOOKS],
        responses={201: CreatedWebhook},
        openapi_extensions=json_body(blueprint, NewSecret),
    )
    def post_webhook_secret(path: WebhookPath) -> Response:
        """Give a webhook a new secret; the answer has it, this once. The one before signs too for a while."""
        return reply(renew_secret(path.webhook_id, NewSecret.model_validate(read_json())), 201)


def renew_secret(webhook_id: str, asked: NewSecret) -> CreatedWebhook:
    """Do it for a webhook of the asker's project. Raises NotFound."""
    known = known_form("webhook", webhook_id)
    row, secret = rotate_secret(farm().engine, principal().project_id, known, asked.keep_seconds, clock=farm().clock)
    return CreatedWebhook(**shown_webhook(row).model_dump(), secret=secret)
