"""Every page, in both themes, both languages and on a phone: no fault that axe knows, and nothing wider than it."""

from collections.abc import Sequence
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import update

from dashboard.permissions import NEEDS, PUBLIC
from dashboard.translations.choice import COOKIE
from farm.accounts import sign_in_link
from farm.database import write
from farm.ids import new_id
from farm.tables import Render
from scheduler.fleet.worker_registry import sign_on
from tests.dashboard.conftest import House
from tests.dashboard.finished import finish_everything
from tests.dashboard.test_browser import Visit, address, browser
from tests.dashboard.test_browser import pytestmark as needs_chromium
from tests.dashboard.test_inputs import png, upload
from tests.dashboard.test_scores import score_all

__all__ = ["address", "browser"]  # fixtures
pytestmark = [pytest.mark.long, needs_chromium]

#: What axe looks for: the rules of WCAG 2.2 A and AA, and its own good practice.
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
#: The page of a program that is not ours, which has a test of its own, and addresses that answer no page of their own.
NOT_LOOKED_AT = frozenset(
    {"docs.reference", "docs.openapi", "docs.asset", "static", "health.alive", "health.ready", "metrics.scrape",
     "artifacts.fetch", "shared.file", "gallery.thumbnail", "inputs.fetch", "inputs.thumbnail", "download.archive",
     "download.gallery", "jobs.home", "admin_projects.home", "sign_in_oidc.begin", "sign_in_oidc.back",
     "language.choose", "from_file.show"}
)  # fmt: skip
#: How far down the reference page is looked at: all of it has twenty thousand elements, which takes axe minutes.
SCREENS = 1
SERIOUS = ("serious", "critical")
#: Addresses that are answered by a page about what is wrong.
WRONG = ("/nowhere", "/compare", "/gallery?scorer=nobody", "/jobs?cursor=x", "/scores?order=odd")
#: Width, theme and language.
LOOKS = ((1280, "light", "en"), (1280, "dark", "en"), (360, "light", "en"), (360, "dark", "zh-Hans"))


def _pages(house: House) -> dict[str, list[str]]:
    """The addresses of each endpoint's page, with something on it."""
    done = house.submit(prompt=["a red circle", "蓝色圆形"], seed_count=2)
    finish_everything(house.connections, stored=True)
    drafted, waits = house.submit(prompt=["draft one", "two"]), house.submit(prompt="it waits")
    with write(house.connections.engine) as connection:
        of_draft = Render.job_id == drafted["id"]
        connection.execute(update(Render).where(of_draft).values(status="drafted"))
    one, two, *_ = house.renders(done["id"])
    marks = {"tags": ["finals"], "rating": 4, "favourite": True}
    house.client.patch(f"/api/v1/renders/{one['id']}/marks", json=marks, headers=house.ours.headers)
    board = house.post("/api/v1/boards", json={"name": "best"}).json["id"]
    house.post(f"/api/v1/boards/{board}/renders", json={"add": [one["id"]]})
    preset = house.post("/api/v1/presets", json={"name": "poster", "fields": {"prompt": "x"}}).json["id"]
    link = {"kind": "job", "target": done["id"], "seconds": 3600, "parameters": True}
    shared = "/shared/" + house.post("/api/v1/share-links", json=link).json["url"].rpartition("/")[2]
    webhook = house.post("/api/v1/webhooks", json={"url": "https://example.com/a"}).json["id"]
    house.post(f"/api/v1/webhooks/{webhook}/secret", json={})
    house.post(f"/api/v1/scores?job={done['id']}", json={"scorers": ["sharpness"]})
    score_all(house, failing=1)
    learned = {"image": upload(house, png((255, 0, 0)), "red.png").json["id"], "caption": "a red square"}
    asked = {"model": "sana-demo", "name": "squares", "pictures": [learned], "max_train_steps": 10}
    training = house.post("/api/v1/trainings", json=asked).json["job"]["id"]
    worker, engine, now = new_id(), house.connections.engine, house.connections.clock()
    sign_on(engine, worker_id=worker, pool="sana-demo-local", model="sana-demo", host="h", pid=1, now=now)
    return {
        "jobs.index": ["/jobs", "/jobs?show=drafts", "/jobs?tag=none"],
        "queue.index": ["/queue"],
        "submit.show": ["/submit", f"/submit?preset={preset}", "/submit?model=wan-demo"],
        "job.page": [f"/jobs/{job['id']}" for job in (done, drafted, waits)],
        "sheet.page": [f"/jobs/{done['id']}/sheet"],
        "compare.page": [f"/compare?render={one['id']}&render={two['id']}"],
        "picture.page": [f"/renders/{one['id']}"],
        "gallery.index": ["/gallery", f"/gallery?board={board}", "/gallery?text=nothing"],
        "gallery.picture": [f"/gallery/{one['id']}"],
        "inputs.index": ["/inputs"],
        "trainings.ask": ["/trainings/new"],
        "trainings.page": [f"/trainings/{training}"],
        "scores.page": [f"/scores?job={one['job_id']}", "/scores?by=sharpness"],
        "workers.index": ["/workers"],
        "dead_letters.index": ["/dead-letters"],
        "docs.problem_type": ["/problems/not-found"],
        "shared.page": [shared, "/shared/nothing"],
        "farm.index": ["/farm"],
        "farm.worker": [f"/farm/workers/{worker}"],
        "admin_projects.index": ["/admin/projects"],
        "admin_projects.page": ["/admin/projects/ours"],
        "admin_people.index": ["/admin/people"],
        "admin_keys.index": ["/admin/keys"],
        "admin_webhooks.index": ["/admin/webhooks"],
        "admin_webhooks.page": [f"/admin/webhooks/{webhook}"],
        "admin_share_links.index": [f"/admin/share-links?kind=job&target={done['id']}"],
        "admin_usage.index": ["/admin/usage"],
        "admin_audit.index": ["/admin/audit"],
    }


def _outside(house: House, address: str) -> dict[str, list[str]]:
    """The same of those for people who are not signed in."""
    link = sign_in_link(house.connections.engine, house.ours.user_id, address).removeprefix(address)
    return {"sign_in.ask": ["/sign-in"], "sign_in.show_link": [link, "/sign-in/used"]}


def test_axe_finds_nothing_on_any_page_in_either_theme_and_language(
    live_house: House, address: str, browser: Browser
) -> None:
    pages, outside = _pages(live_house), _outside(live_house, address)
    rules = [rule for rule in live_house.app.url_map.iter_rules() if "GET" in (rule.methods or set())]
    ends = {rule.endpoint for rule in rules if rule.endpoint in {*NEEDS, *PUBLIC}}
    assert {end for end in ends if not end.startswith(("api.", "openai."))} - NOT_LOOKED_AT == {*pages, *outside}
    inside = Visit(browser, live_house, address, 1280).page
    wrong = _wrong(inside, address, [path for paths in (*pages.values(), WRONG) for path in paths])
    stranger = browser.new_context().new_page()
    wrong |= _wrong(stranger, address, [path for paths in outside.values() for path in paths])
    assert wrong == {}


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (360, "dark")])
def test_axe_finds_nothing_serious_on_the_reference_page(
    live_house: House, address: str, browser: Browser, width: int, scheme: str
) -> None:
    page = Visit(browser, live_house, address, width).page
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.goto(f"{address}/docs")
    page.wait_for_load_state("networkidle")
    page.mouse.move(width - 100, 400)
    for _ in range(SCREENS):  # what is further down is made when it is seen
        page.mouse.wheel(0, 1_500)
        page.wait_for_timeout(80)
    expect(page.locator("ul.endpoints").first).to_have_attribute("tabindex", "0")
    found = [(one["id"], one["nodes"][0]["html"][:160]) for one in _violations(page) if one["impact"] in SERIOUS]
    assert found == []


def _wrong(page: Page, address: str, paths: Sequence[str]) -> dict[tuple[str, int, str, str], list[tuple[str, str]]]:
    """What axe finds on these pages, and which are wider than their window, by page and look."""
    wrong = {}
    for width, scheme, language in LOOKS:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.context.add_cookies([{"name": COOKIE, "value": language, "url": address}])
        for path in paths:
            page.goto(f"{address}{path}")
            page.evaluate("for (const one of document.querySelectorAll('main details')) one.open = true")
            found = [(one["id"], one["nodes"][0]["html"][:160]) for one in _violations(page)]
            if (wide := page.evaluate("document.documentElement.scrollWidth")) > width:
                found.append(("too wide", str(wide)))
            if found:
                wrong[path, width, scheme, language] = found
    return wrong


def _violations(page: Page) -> list[Any]:
    found: list[Any] = Axe().run(page, options=RULES).response["violations"]
    return found
