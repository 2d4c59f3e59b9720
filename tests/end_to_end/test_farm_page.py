"""An operator's and an admin's day in a real browser, on a real farm that renders."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from farm.client import FarmClient
from tests.dashboard.test_browser import PATIENCE, browser
from tests.dashboard.test_browser import pytestmark as needs_chromium
from tests.end_to_end.farms import RunningFarm, quick_settings, running_farm
from tests.waiting import eventually

__all__ = ["browser"]  # a fixture
pytestmark = [pytest.mark.long, needs_chromium]

SANA = "sana-demo-local"
#: What axe looks for: the rules of WCAG 2.2 A and AA, and its own good practice.
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningFarm]:
    with contextmanager(running_farm)(tmp_path_factory.mktemp("farm") / "data", quick_settings) as farm:
        yield farm


@pytest.fixture
def page(farm: RunningFarm, browser: Browser) -> Iterator[Page]:
    """A signed-in admin, whose console must stay empty."""
    page, said = browser.new_context(viewport={"width": 1280, "height": 900}).new_page(), []
    page.set_default_timeout(PATIENCE)
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(farm.stack.sign_in_link)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/jobs")
    yield page
    page.context.close()
    assert said == []


def test_an_operator_watches_the_farm_pauses_scales_drains_and_tries_again(farm: RunningFarm, page: Page) -> None:
    # Given a farm that renders
    job = farm.client.submit("sana-demo", "a red circle on a blue background", seed_count=600, num_inference_steps=20)
    page.get_by_role("link", name="Farm", exact=True).click()
    page.wait_for_url("**/farm")
    pool = page.locator("section.pool").filter(has=page.get_by_role("heading", name=SANA))

    # Then the page shows it without being loaded again: the batch, its steps, what waits
    page.evaluate("window.same = true")
    expect(pool.locator(".pill")).to_have_text("rendering", timeout=PATIENCE)
    expect(pool.get_by_text(re.compile(r"step \d+ of 20"))).to_be_visible(timeout=PATIENCE)
    expect(pool.get_by_text(re.compile(r"\d+(\.\d)? MB"))).to_be_visible()
    # And after two samples there are charts and the worker's hour
    expect(page.locator("#charts svg.chart")).to_have_count(2, timeout=120_000)
    expect(pool.locator(".state-rendering rect").first).to_be_visible(timeout=PATIENCE)
    assert page.evaluate("window.same") is True

    # When the pool is paused, what runs ends and nothing new starts; by the keyboard it is taken back
    page.get_by_role("button", name=f"Pause pool {SANA}").click()
    expect(page.locator(".told")).to_contain_text("is paused")
    eventually(lambda: not any(row.status == "running" for row in farm.renders(job.id)))
    undo = page.get_by_role("button", name="Undo")
    undo.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".told")).to_contain_text("goes on")
    farm.when_running(job.id)

    # When the pool may have two workers, a second one comes
    pool.get_by_text("Limit its workers").click()
    pool.get_by_label("At least").fill("2")
    pool.get_by_label("At most").fill("2")
    pool.get_by_role("button", name="Set").click()
    expect(page.locator(".told")).to_contain_text("other limits")
    expect(pool.get_by_text("2 to 2 allowed by an operator")).to_be_visible()
    eventually(lambda: len(farm.alive_workers(SANA)) == 2, timeout=180)
    # And when that is taken back and one is drained, it has ended, and is not red
    page.get_by_role("button", name="Undo").click()
    expect(pool.get_by_text("1 to 1 allowed")).to_be_visible()
    first = pool.get_by_role("button", name="Drain the worker on").first
    first.click()
    expect(page.locator(".told")).to_contain_text("takes nothing new")
    expect(pool.locator('.pill[data-state="ended"]').first).to_be_visible(timeout=120_000)
    assert pool.locator('.pill[data-state="lost"]').count() == 0

    # And the page of the worker that stays tells of its hour (who was drained may have lived between two samples)
    eventually(lambda: len(farm.alive_workers(SANA)) == 1, timeout=120)
    stays = farm.alive_workers(SANA)[0].id
    pool.locator(f"tbody a[href$='/farm/workers/{stays}']").first.click()
    page.wait_for_url(f"**/farm/workers/{stays}")
    expect(page.locator("#timeline table tbody tr").first).to_be_visible(timeout=120_000)  # with its second sample
    assert farm.client.cancel(job.id).failed == 0


def test_an_admin_makes_a_project_a_person_a_key_and_a_webhook(farm: RunningFarm, page: Page) -> None:
    # Given a new project with limits
    page.get_by_role("link", name="Admin", exact=True).click()
    page.get_by_label("Name").fill("north wing")
    page.get_by_role("button", name="Make it").click()
    expect(page.locator(".told")).to_contain_text("north wing is made")
    page.get_by_label("Renders that may wait").fill("3")
    page.get_by_role("button", name="Set").click()
    expect(page.get_by_text("0 of 3")).to_be_visible()

    # When a person and a key are let into it
    page.get_by_role("link", name="People", exact=True).click()
    page.get_by_label("Name", exact=True).fill("ada")
    page.locator("select[name=project]").select_option("north wing")
    page.get_by_role("button", name="Let in").click()
    expect(page.locator(".told")).to_contain_text("ada may come in")
    page.get_by_role("link", name="API keys").click()
    page.get_by_label("Whose").select_option("north wing")
    page.get_by_role("button", name="Show").click()
    page.get_by_label("What it is for").fill("robot")
    page.get_by_role("button", name="Make it").click()
    secret = page.get_by_label("It is shown this once").input_value()

    # Then the key works, within the limits, until it is revoked
    with FarmClient(farm.stack.url, secret) as robot:
        assert robot.whoami().project.name == "north wing"
        assert robot.quota().max_pending == 3
    page.get_by_label("Revoke robot").click()
    page.get_by_role("button", name="Revoke it now").click()
    expect(page.locator(".told")).to_contain_text("Key robot is revoked")
    asked = httpx.get(f"{farm.stack.url}/api/v1/whoami", headers={"Authorization": f"Bearer {secret}"})
    assert asked.status_code == 401

    # And a webhook is tried, and what came of it appears by itself
    page.get_by_role("link", name="Webhooks", exact=True).click()
    page.get_by_label("Address").fill("https://farm.invalid/hook")
    page.get_by_role("button", name="Make it").click()
    assert page.get_by_label("It is shown this once").input_value().startswith("whsec_")
    page.get_by_role("link", name="https://farm.invalid/hook").click()
    page.get_by_role("button", name="Send a test").click()
    tried = page.get_by_text("the name of its host is not known")  # more than once, when its second try is due
    expect(tried.first).to_be_visible(timeout=PATIENCE)

    # And all of it stands in the audit log
    page.get_by_role("link", name="Audit log").click()
    page.get_by_label("Action").select_option("key.revoked")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator("tbody")).to_contain_text("operator")


def test_every_page_of_operators_and_admins_is_accessible_and_fits_a_phone(farm: RunningFarm, page: Page) -> None:
    farm.submit_and_wait("sana-demo", "a red circle", seed_count=2)
    webhook = farm.client.add_webhook("https://farm.invalid/a11y")
    farm.client.test_webhook(webhook.id)
    worker = farm.client.workers()[0].id
    eventually(lambda: "<svg" in page.request.get(f"{farm.stack.url}/farm").text(), timeout=120)
    pages = ["farm", "farm?period=2d", f"farm/workers/{worker}", "admin/projects", "admin/projects/studio",
             "admin/people", "admin/keys?project=studio", "admin/webhooks", f"admin/webhooks/{webhook.id}",
             "admin/usage", "admin/audit"]  # fmt: skip
    wrong = {}
    for width, scheme in ((1280, "light"), (1280, "dark"), (360, "light")):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        for path in pages:
            page.goto(f"{farm.stack.url}/{path}")
            for summary in page.locator("main details > summary").all():
                summary.click()
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (path, width)
            found = Axe().run(page, options=RULES).response["violations"]
            if found:
                wrong[path, width, scheme] = [(one["id"], one["nodes"][0]["html"][:200]) for one in found]
    assert wrong == {}
