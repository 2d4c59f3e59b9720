"""`farm webhooks`: addresses that are told when jobs end, and what came of it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from farm.client import Webhook, WebhookDelivery
from farm.console.completion import complete_webhook
from farm.console.durations import ago
from farm.console.session import JsonOption, clean, farm_at_hand, out, print_json, say
from farm.console.tables import print_list


class State(StrEnum):
    """How a delivery stands."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


WebhookId = Annotated[
    str, typer.Argument(metavar="ID", help="The webhook's id, or a part of it.", autocompletion=complete_webhook)
]
Events = Annotated[
    list[str] | None,
    typer.Option(
        "--event", metavar="TYPE", help="What to tell it, such as job.failed or render.done; give it again for more."
    ),
]


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Addresses of yours that are told when jobs end.")
    group.command("list")(list_)
    group.command()(add)
    group.command()(show)
    group.command()(change)
    group.command("new-secret")(new_secret)
    group.command()(remove)
    group.command("test")(send_test)
    group.command()(deliveries)
    group.command()(replay)
    app.add_typer(group, name="webhooks")


def list_(as_json: JsonOption = False) -> None:
    """List the project's webhooks, the oldest first, without their secrets.

    Exit codes: 0, 2 the farm refused, 3 the farm does not answer.
    """
    with farm_at_hand() as farm:
        found = farm.webhooks()
        if as_json:
            print_json(found)
            return
        rows = ([one.id, _state(one), ago(one.created_at, farm.time()), _events(one), one.url] for one in found)
        print_list(
            ["webhook", "state", "age", "events", "url"],
            rows,
            nothing="There is no webhook. Make one: farm webhooks add https://…",
        )


def add(
    url: Annotated[str, typer.Argument(metavar="URL", help="Where to send: https://…")],
    event: Events = None,
    as_json: JsonOption = False,
) -> None:
    """Have an address told when jobs end, or renders (`--event render.done`).

    Prints the secret that signs, alone on stdout: it is shown this once.

    Exit codes: 0, 2 the farm refused, 3 the farm does not answer.
    """
    with farm_at_hand() as farm:
        made = farm.add_webhook(url, event)
    if as_json:
        print_json(made)
        return
    say(f"Webhook {made.id} tells {made.url}; give its receiver this secret, which is not shown again:")
    print(clean(made.secret), flush=True)


def show(webhook_id: WebhookId, as_json: JsonOption = False) -> None:
    """Show a webhook, without its secret.

    Exit codes: 0, 2 the farm refused, 3 the farm does not answer.
    """
    with farm_at_hand() as farm:
        found = farm.webhook(farm.find_webhook_id(webhook_id))
    _say_webhook(found, as_json)


def change(
    webhook_id: WebhookId,
    url: Annotated[str | None, typer.Option(help="Where to send from now on, also what waits.")] = None,
    event: Events = None,
    enable: Annotated[
        bool | None, typer.Option("--enable/--disable", help="Send, also what was still to be sent; or send nothing.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Change where a webhook sends, what it tells, and whether.

    Exit codes: 0, 2 wrong usage or the farm refused, 3 the farm does not answer.
    """
    if url is None and not event and enable is None:
        raise typer.BadParameter("give at least one of --url, --event, --enable and --disable")
    with farm_at_hand() as farm:
        whole_id = farm.find_webhook_id(webhook_id)
        changed = farm.change_webhook(whole_id, url=url, event_types=event or None, enabled=enable)
    _say_webhook(changed, as_json)


def new_secret(
    webhook_id: WebhookId,
    keep_hours: Annotated[float, typer.Option(min=0, max=720, help="The secret before signs too for so long.")] = 24,
    as_json: JsonOption = False,
) -> None:
    """Give a webhook a new secret, and print it, alone on stdout: it is shown this once.

    Exit codes: 0, 2 wrong usage or the farm refused, 3 the farm does not answer.
    """
    with farm_at_hand() as farm:
        made = farm.renew_webhook_secret(farm.find_webhook_id(webhook_id), keep_hours * 3600)
    if as_json:
        print_json(made)
        return
    hours = f"{keep_hours:g} hour{'' if keep_hours == 1 else 's'}"
    say(f"Webhook {made.id} signs with this secret from now on, and for {hours} with the one before too:")
    print(clean(made.secret), flush=True)


def remove(webhook_id: WebhookId, as_json: JsonOption = False) -> None:
    """Remove a webhook with the log of its deliveries; what is still to be sent is not sent.

    Exit codes: 0, 2 the farm refused, 3 the farm does not answer.
    """
    with farm_at_hand() as farm:
        whole_id = farm.find_webhook_id(webhook_id)
        farm.remove_webhook(whole_id)
    if as_json:
        print_json({"id": whole_id, "removed": True})
        return
    say(f"Webhook {whole_id} is removed.")


def send_test(webhook_id: WebhookId, as_json: JsonOption = False) -> None:
    """Have an event `webhook.test` sent; `farm webhooks deliveries` says what came of it.

    Exit codes: 0, 2 the farm refused, 3 the farm does not answer.
    """
    with farm_at_hand() as farm:
        _say_sent(farm.test_webhook(farm.find_webhook_id(webhook_id)), as_json)


def deliveries(
    webhook_id: WebhookId,
    state: Annotated[State | None, typer.Option(help="Only those that stand so.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest first.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """List what was sent to a webhook, and is still to be sent, the newest first. With --json also the bodies.

    Exit codes: 0, 2 the farm refused, 3 the farm does not answer.
    """
    with farm_at_hand() as farm:
        found = list(farm.webhook_deliveries(farm.find_webhook_id(webhook_id), state=state, limit=limit))
        if as_json:
            print_json(found)
            return
        rows = (
            [
                one.id,
                one.event_type,
                one.state,
                str(one.attempts),
                ago(one.created_at, farm.time()),
                one.last_error or str(one.last_status or ""),
            ]
            for one in found
        )
        headings = ["delivery", "event", "state", "attempts", "age", "last answer"]
        print_list(headings, rows, nothing="Nothing was sent. Try it: farm webhooks test ID")


def replay(
    webhook_id: WebhookId,
    delivery_id: Annotated[
        str, typer.Argument(metavar="DELIVERY", help="The delivery's id, as `farm webhooks deliveries` lists it.")
    ],
    as_json: JsonOption = False,
) -> None:
    """Send an event again, whatever came of it before; its receiver sees the same `webhook-id`.

    Exit codes: 0, 2 the farm refused, 3 the farm does not answer.
    """
    with farm_at_hand() as farm:
        whole_id = farm.find_webhook_id(webhook_id)
        _say_sent(farm.replay_delivery(whole_id, farm.find_delivery_id(whole_id, delivery_id)), as_json)


def _say_webhook(webhook: Webhook, as_json: bool) -> None:
    if as_json:
        print_json(webhook)
        return
    out().print(clean(f"webhook {webhook.id}: {_state(webhook)}\n{_events(webhook)}\n{webhook.url}"))


def _say_sent(delivery: WebhookDelivery, as_json: bool) -> None:
    if as_json:
        print_json(delivery)
        return
    say(f"{delivery.event_type} is about to be sent; its delivery is {delivery.id}")


def _state(webhook: Webhook) -> str:
    if webhook.enabled:
        return "enabled"
    return f"disabled: {webhook.disabled_reason}" if webhook.disabled_reason else "disabled"


def _events(webhook: Webhook) -> str:
    return " ".join(webhook.event_types)
