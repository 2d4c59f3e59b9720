"""Webhooks of the project and their deliveries; the secret that signs is shown once, in the answer that makes one."""

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue

from dashboard.api.patch_webhook import WebhookPatch
from dashboard.api.patch_webhook import change as change_webhook
from dashboard.api.post_webhook_secret import NewSecret, renew_secret
from dashboard.api.post_webhooks import NewWebhook, add_webhook
from dashboard.auth import may, principal
from dashboard.context import farm
from dashboard.cursors import NewestFirst, older_than, read_older_than
from dashboard.reads.ids import known_form
from dashboard.reads.webhooks import shown_delivery, shown_webhook
from dashboard.schemas import CreatedWebhook
from dashboard.times import iso
from dashboard.web.admin.asked import asked_for, done, faults_of, is_for_the_form
from farm.database import read, write
from farm.errors import FarmError
from farm.security import Scope
from scheduler.webhooks.deliveries import DeliveryState, list_deliveries
from scheduler.webhooks.deliveries import replay as send_again
from scheduler.webhooks.events import JOB_EVENTS, EventType
from scheduler.webhooks.subscriptions import find_webhook, list_webhooks, remove_webhook, write_test

blueprint = Blueprint("admin_webhooks", __name__)

PAGE = 30
#: For so many seconds the secret before may sign too.
KEEPS = (0, 3_600, 86_400, 7 * 86_400)


@blueprint.get("/admin/webhooks")
def index() -> ResponseReturnValue:
    """The webhooks of one's project."""
    return _list()


@blueprint.post("/admin/webhooks")
def add() -> ResponseReturnValue:
    """Make one and show its secret: nobody sees it again."""
    typed = {"url": request.form.get("url", "").strip(), "event_types": request.form.getlist("event")}
    try:
        made = add_webhook(asked_for(NewWebhook, typed))
    except FarmError as refused:
        if not is_for_the_form(refused):
            raise
        return _list(faults=faults_of(refused)), refused.status
    return _list(made=made), 201


@blueprint.get("/admin/webhooks/<webhook_id>")
def page(webhook_id: str) -> ResponseReturnValue:
    """One webhook with its deliveries."""
    return _page(known_form("webhook", webhook_id))


@blueprint.post("/admin/webhooks/<webhook_id>")
def change(webhook_id: str) -> ResponseReturnValue:
    """Another address, other events, off or on."""
    form, do = request.form, request.form.get("do", "")
    typed: dict[str, object] = {"url": form.get("url", "").strip(), "event_types": form.getlist("event")}
    if do in ("enable", "disable"):
        typed = {"enabled": do == "enable"}
    try:
        change_webhook(webhook_id, asked_for(WebhookPatch, typed))
    except FarmError as refused:
        if not is_for_the_form(refused):
            raise
        return _page(known_form("webhook", webhook_id), faults_of(refused)), refused.status
    return _done(webhook_id, f"webhook-{do}" if do in ("enable", "disable") else "webhook-changed")


@blueprint.post("/admin/webhooks/<webhook_id>/secret")
def renew(webhook_id: str) -> ResponseReturnValue:
    """A new secret, shown once; the one before signs too for as long as was chosen."""
    typed = {"keep_seconds": request.form.get("keep_seconds", "")}
    try:
        made = renew_secret(webhook_id, asked_for(NewSecret, typed))
    except FarmError as refused:
        if not is_for_the_form(refused):
            raise
        return _page(known_form("webhook", webhook_id), faults_of(refused)), refused.status
    return _page(made.id, made=made), 201


@blueprint.post("/admin/webhooks/<webhook_id>/test")
def test(webhook_id: str) -> ResponseReturnValue:
    """Have a test sent."""
    try:
        write_test(farm().engine, principal().project_id, known_form("webhook", webhook_id), farm().clock())
    except FarmError as refused:
        if not is_for_the_form(refused):
            raise
        return _page(known_form("webhook", webhook_id), faults_of(refused)), refused.status
    return _done(webhook_id, "webhook-test")


@blueprint.post("/admin/webhooks/<webhook_id>/deliveries/<delivery_id>/replay")
def replay(webhook_id: str, delivery_id: str) -> ResponseReturnValue:
    """Send an event again."""
    known, delivery = known_form("webhook", webhook_id), known_form("delivery", delivery_id)
    with write(farm().engine) as connection:
        find_webhook(connection, principal().project_id, known)
        send_again(connection, known, delivery, farm().clock())
    return _done(webhook_id, "webhook-replay")


@blueprint.post("/admin/webhooks/<webhook_id>/remove")
def remove(webhook_id: str) -> ResponseReturnValue:
    """Remove it with the log of its deliveries."""
    known = known_form("webhook", webhook_id)
    remove_webhook(farm().engine, principal().project_id, known, clock=farm().clock)
    return done(url_for("admin_webhooks.index"), "webhook-removed")


def _done(webhook_id: str, said: str) -> ResponseReturnValue:
    return done(url_for("admin_webhooks.page", webhook_id=webhook_id), said, id=webhook_id)


def _list(*, made: CreatedWebhook | None = None, faults: list[str] | None = None) -> str:
    with read(farm().engine) as connection:
        rows = list_webhooks(connection, principal().project_id)
    return render_template(
        "admin_webhooks.html",
        webhooks=[shown_webhook(row) for row in rows],
        events=list(EventType),
        job_events=JOB_EVENTS,
        may_change=may(Scope.SUBMIT),
        made=made,
        faults=faults,
        typed=request.form,
    )


def _page(webhook_id: str, faults: list[str] | None = None, made: CreatedWebhook | None = None) -> str:
    state = request.args.get("state", "")
    chosen = DeliveryState(state) if state in list(DeliveryState) else None
    before = read_older_than(NewestFirst.DELIVERIES, request.args.get("cursor"))
    with read(farm().engine) as connection:
        webhook = shown_webhook(find_webhook(connection, principal().project_id, webhook_id))
        rows = list_deliveries(connection, webhook_id, state=chosen, before=before, limit=PAGE + 1)
    return render_template(
        "admin_webhook.html",
        webhook=webhook,
        made=made,
        keeps=KEEPS,
        old_signs=webhook.old_secret_until is not None and webhook.old_secret_until > iso(farm().clock()),
        deliveries=[shown_delivery(row) for row in rows[:PAGE]],
        older=older_than(NewestFirst.DELIVERIES, rows[PAGE - 1].id) if len(rows) > PAGE else None,
        first_page=before is None,
        states=list(DeliveryState),
        state=chosen,
        events=list(EventType),
        may_change=may(Scope.SUBMIT),
        faults=faults,
    )
