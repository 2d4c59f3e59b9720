"""An artist's day in real browsers, on a real farm that renders: from the first prompt to an undone delete."""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from farm.accounts import FIRST_PROJECT, create_project, create_user, find_project, sign_in_link
from farm.security import Role
from farm.settings import Settings
from tests.dashboard.test_browser import PATIENCE, browser
from tests.dashboard.test_browser import pytestmark as needs_chromium
from tests.end_to_end.farms import RunningFarm, quick_settings, running_farm
from tests.waiting import eventually

__all__ = ["browser"]  # a fixture
pytestmark = [pytest.mark.long, needs_chromium]

PROMPT = "a large red circle in the centre on a blue background"
#: What a browser itself notes of a connection that is not there, or of an answer 404.
OF_THE_BROWSER = ("net::ERR_", "the server responded with a status of 404")
LOADED = "pictures => pictures.every(one => one.naturalWidth > 0)"


def _settings(folder: Path) -> Settings:
    return quick_settings(folder).model_copy(update={"preview_seconds": 0.1})


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningFarm]:
    with contextmanager(running_farm)(tmp_path_factory.mktemp("farm") / "data", _settings) as farm:
        yield farm


class Person:
    """Somebody in a browser of their own: what stands on its console is written down, and whom it asks."""

    def __init__(self, farm: RunningFarm, browser: Browser, link: str, **context: Any) -> None:
        self.url, self.said, self.hosts = farm.stack.url, list[str](), set[str | None]()
        self.page: Page = browser.new_context(reduced_motion="reduce", **context).new_page()
        self.page.set_default_timeout(PATIENCE)
        self.page.on("console", lambda message: self._note(message.type, message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.hosts.add(urlsplit(request.url).hostname))
        self.page.goto(link)
        self.page.locator("form[action^='/sign-in/'] button").click()
        self.page.wait_for_url("**/jobs")

    def _note(self, kind: str, text: str) -> None:
        if kind in ("error", "warning") and not any(words in text for words in OF_THE_BROWSER):
            self.said.append(text)

    def open(self, path: str) -> None:
        """Go to a page, which is marked: whoever loads it anew loses the mark."""
        self.page.goto(f"{self.url}{path}")
        self.page.evaluate("window.same = true")

    def stayed(self) -> bool:
        """Whether the page is the one that was opened."""
        return self.page.evaluate("window.same") is True

    def saw_nothing_wrong(self) -> None:
        """Nothing on the console, and no request that left this machine (data: addresses have no host)."""
        assert self.said == []
        assert self.hosts <= {"127.0.0.1", None}


def _link(farm: RunningFarm, name: str, role: Role, project: str) -> str:
    engine = farm.connections.engine
    project_id = find_project(engine, project) or create_project(engine, project)
    return sign_in_link(engine, create_user(engine, project_id, name, role), farm.stack.url)


def test_pictures_are_made_watched_by_two_compared_fetched_found_made_again_deleted_and_brought_back(
    farm: RunningFarm, browser: Browser, tmp_path: Path
) -> None:
    # Given an artist, somebody of the same project who only looks, and somebody of another project
    artist = Person(farm, browser, _link(farm, "ada", Role.ARTIST, FIRST_PROJECT))
    viewer = Person(farm, browser, _link(farm, "vera", Role.VIEWER, FIRST_PROJECT))
    stranger = Person(farm, browser, _link(farm, "sam", Role.ADMIN, "elsewhere"))
    page = artist.page

    # Create: a sweep of eight, whose price is said beforehand
    page.get_by_role("link", name="Submit a job").first.click()
    page.get_by_role("link", name="Sana demo", exact=True).click()
    page.get_by_label("Prompts").fill(PROMPT)
    page.locator("input[name=size][value=other]").check()
    page.locator("[name=width]").fill("256")
    page.locator("[name=height]").fill("256")
    page.get_by_label("Steps", exact=True).fill("50")
    page.locator("summary", has_text="Sweep and templates").click()
    page.get_by_label("Lists").fill("guidance = 1, 3, 5, 7\nseed = 1, 2")
    expect(page.locator("[data-count]")).to_have_text("up to 8 renders")
    expect(page.locator("[data-quote]")).to_contain_text("GPU time")
    page.get_by_role("button", name="Render", exact=True).click()
    page.wait_for_url("**/jobs/*-*")
    path = urlsplit(page.url).path
    job = path.rpartition("/")[2]
    artist.open(path)
    viewer.open(path)

    # Live previews appear in the grid of both; who only looks has nothing to press
    for person in (artist, viewer):
        expect(person.page.locator("#grid td > a[href]")).to_have_count(8)
        preview = person.page.locator("#grid .preview").first
        expect(preview).to_be_visible()
        eventually(lambda preview=preview: preview.evaluate("one => one.naturalWidth > 0"))
    expect(page.get_by_role("button", name="Cancel the job")).to_be_visible()
    expect(viewer.page.get_by_role("button", name="Cancel the job")).to_be_hidden()
    assert stranger.page.goto(f"{stranger.url}{path}").status == 404  # type: ignore[union-attr]

    # Reload in the middle; then the connection of both is lost, and comes back by itself
    page.reload()
    page.evaluate("window.same = true")
    farm.stack.restart("dashboard")
    for person in (artist, viewer):
        expect(person.page.locator("#grid td img:not(.preview)")).to_have_count(8, timeout=2 * PATIENCE)
        expect(person.page.locator("#state")).to_have_text("done")
        eventually(lambda person=person: person.page.locator("#grid td img").evaluate_all(LOADED))
        assert person.stayed()

    # Compare two under the slider
    page.locator("#grid .pick").nth(0).check()
    page.locator("#grid .pick").nth(3).check()
    page.get_by_role("button", name="Compare").click()
    page.wait_for_url("**/compare?*")
    expect(page.locator(".differences tbody")).to_contain_text("Guidance")
    page.get_by_role("link", name="slider").click()
    eventually(lambda: page.locator(".slider img").evaluate_all(LOADED))

    # Download all, under names of one's own
    page.goto(f"{artist.url}{path}")
    page.locator("summary", has_text="Download all").click()
    page.get_by_label("What files are called").fill("{seed}/{index:02d}")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as ZIP").click()
    download.value.save_as(tmp_path / "all.zip")
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        assert archive.testzip() is None
        assert len(archive.namelist()) == 8
        assert {name.partition("/")[0] for name in archive.namelist()} == {"1", "2"}

    # Search: words that are in the prompt, and words that are in none
    page.get_by_role("link", name="Gallery", exact=True).click()
    page.locator("#text").fill("circ blue")
    page.keyboard.press("Enter")
    expect(page.locator(".card")).to_have_count(8)
    page.locator("#text").fill("elephant")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Nothing found")).to_be_visible()
    page.go_back()

    # Render again: the very same comes out
    page.locator(".card > a").first.click()
    page.wait_for_url("**/gallery/*")
    first = urlsplit(page.url).path.rpartition("/")[2]
    page.get_by_role("link", name="Submit again with these").click()
    expect(page.get_by_label("Steps", exact=True)).to_have_value("50")
    page.get_by_role("button", name="Render", exact=True).click()
    page.wait_for_url("**/jobs/*-*")
    expect(page.locator("#state")).to_have_text("done", timeout=2 * PATIENCE)
    again = urlsplit(page.url).path.rpartition("/")[2]
    assert again != job
    [second] = farm.client.renders(again)
    asked = [farm.manifest(render)["parameters"] for render in (first, second.id)]
    assert asked[0] == asked[1]

    # Delete and undo
    page.goto(f"{artist.url}/gallery")
    expect(page.locator(".card")).to_have_count(9)
    page.locator(".card input[type=checkbox]").first.check()
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.locator(".card")).to_have_count(8)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".card")).to_have_count(9)
    for person in (artist, viewer, stranger):
        person.saw_nothing_wrong()


def test_a_clip_is_made_and_played_on_a_phone_in_chinese(farm: RunningFarm, browser: Browser) -> None:
    link = _link(farm, "艾达", Role.ARTIST, FIRST_PROJECT)
    phone = Person(farm, browser, link, viewport={"width": 390, "height": 844}, has_touch=True, locale="zh-CN")
    page = phone.page
    expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")
    page.goto(f"{phone.url}/submit?model=wan-demo")
    page.locator("#prompt").fill("蓝色背景上的红色圆形向左移动")
    page.get_by_role("button", name="渲染", exact=True).tap()
    page.wait_for_url("**/jobs/*-*")
    expect(page.locator("#state")).to_have_text("已完成", timeout=2 * PATIENCE)
    page.locator(".render > a").first.tap()
    page.wait_for_url("**/renders/*")
    eventually(lambda: page.evaluate("document.querySelector('video').currentTime > 0"))
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    phone.saw_nothing_wrong()
