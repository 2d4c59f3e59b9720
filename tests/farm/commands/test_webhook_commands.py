"""Webhooks from the command line, and from asyncio, with the real dashboard: made, tried, changed, removed."""

import asyncio
import json
from typing import Any

from farm.client import AsyncFarmClient, FarmClient
from tests.farm.commands.shell import Farm, environment, farm
from tests.farm.dashboards import DashboardFarm

__all__ = ["environment", "farm"]  # fixtures
URL = "https://example.com/hook"


def answer(farm: Farm, *arguments: str) -> Any:
    told = farm(*arguments, "--json")
    assert (told.exit_code, told.stderr) == (0, "")
    return json.loads(told.stdout)


def test_a_webhook_from_the_first_to_the_last_command(farm: Farm, dashboard: DashboardFarm) -> None:
    # When it is made, its secret alone is on stdout, and nowhere else ever again
    made = farm("webhooks", "add", URL, "--event", "job.failed", "--event", "job.done")
    secret = made.stdout.strip()
    assert (made.exit_code, secret.startswith("whsec_"), secret in made.stderr) == (0, True, False)
    [listed] = answer(farm, "webhooks", "list")
    assert (listed["url"], listed["event_types"], listed["enabled"]) == (URL, ["job.done", "job.failed"], True)
    part = listed["id"][-6:]

    # Then a part of its id names it, and so does one of its deliveries'
    sent = answer(farm, "webhooks", "test", part)
    [delivery] = answer(farm, "webhooks", "deliveries", part, "--state", "pending")
    assert (delivery["id"], delivery["event_type"]) == (sent["id"], "webhook.test")
    assert sent["id"] in farm("webhooks", "deliveries", part).stdout
    assert answer(farm, "webhooks", "replay", part, sent["id"][-6:])["event_id"] == sent["event_id"]

    # When it is changed, only what was given is
    changed = answer(farm, "webhooks", "change", part, "--disable", "--event", "job.done")
    assert (changed["url"], changed["event_types"], changed["enabled"]) == (URL, ["job.done"], False)
    assert "disabled" in farm("webhooks", "show", part).stdout
    assert farm("webhooks", "test", part).exit_code == 2

    # When it gets a new secret, that alone is on stdout, and the one before signs too for a while
    renewed = farm("webhooks", "new-secret", part, "--keep-hours", "1")
    assert (renewed.exit_code, renewed.stdout.startswith("whsec_")) == (0, True)
    assert renewed.stdout.strip() != secret
    assert "for 1 hour with" in " ".join(renewed.stderr.split())
    assert answer(farm, "webhooks", "show", part)["old_secret_until"] is not None

    # Then what is wrong is refused with its place, and what is removed is gone
    assert farm("webhooks", "change", part).exit_code == 2
    wrong = farm("webhooks", "add", "http://10.0.0.1/hook", "--event", "job.begun")
    assert (wrong.exit_code, "event_types" in wrong.stderr) == (2, True)
    assert answer(farm, "webhooks", "remove", part) == {"id": listed["id"], "removed": True}
    assert "There is no" in farm("webhooks", "show", listed["id"]).stderr
    assert answer(farm, "webhooks", "list") == []


def test_the_secret_is_in_no_repr_and_another_project_sees_nothing(dashboard: DashboardFarm) -> None:
    async def make() -> str:
        async with AsyncFarmClient(dashboard.url, dashboard.key) as farm:
            made = await farm.add_webhook(URL)
            assert made.secret not in repr(made)
            delivery = await farm.test_webhook(made.id)
            assert [one.id async for one in farm.webhook_deliveries(made.id)] == [delivery.id]
            return made.id

    made = asyncio.run(make())
    with dashboard.new_project() as others, FarmClient(others.url, others.key) as farm:
        assert farm.webhooks() == []
        assert farm.find_webhook_id(made) == made  # whole ids are for the farm to refuse
    with FarmClient(dashboard.url, dashboard.key) as farm:
        farm.remove_webhook(made)
