"""The pages in a real browser: live without reloading, and without a word on its console."""

import io
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from PIL import Image
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from farm.accounts import sign_in_link
from farm.progress import StepProgress
from tests.dashboard.conftest import House
from tests.dashboard.drawing import Drawer
from tests.dashboard.serving import served
from tests.waiting import eventually

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")
pytestmark = pytest.mark.skipif(
    not CHROMIUM and not os.environ.get("CI"), reason="needs chromium: apt-get install chromium, or set CHROMIUM"
)
#: Nothing but our pages: the browser's own services would fail without a network, and fill the console.
ARGUMENTS = ["--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
             "--disable-sync", "--disable-dev-shm-usage", "--disable-quic"]  # fmt: skip
PATIENCE = 60_000  # milliseconds; a bound for what never comes
expect.set_options(timeout=PATIENCE)  # also where a test names none: five seconds are short beside other tests


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    arguments = [*ARGUMENTS, "--no-sandbox"] if os.geteuid() == 0 else ARGUMENTS
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def address(live_house: House, tmp_path: Path) -> Iterator[str]:
    with served(live_house, tmp_path / "dashboard.log") as (url, _):
        yield url


class Visit:
    """A page whose console is written down."""

    def __init__(self, browser: Browser, house: House, address: str, width: int) -> None:
        context = browser.new_context(viewport={"width": width, "height": 800}, reduced_motion="reduce")
        self.page: Page = context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.said: list[str] = []
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self.said.append(f"error: {error}"))
        self.page.goto(sign_in_link(house.connections.engine, house.ours.user_id, address))
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url("**/jobs")

    def _note(self, message: ConsoleMessage) -> None:
        # The reference page is not ours: its program warns of what the OpenAPI validator finds right.
        if message.type == "error" or (message.type == "warning" and not self.page.url.endswith("/docs")):
            self.said.append(f"{message.type}: {message.text} {[one.json_value() for one in message.args]}")


def test_sign_in_submit_and_watch_a_picture_arrive(live_house: House, browser: Browser, address: str) -> None:
    # Given a worker, and a person who signs in by a link and submits two prompts
    house, drawer = live_house, Drawer(live_house.connections, "sana-demo-local")
    visit = Visit(browser, house, address, 1280)
    page = visit.page
    page.get_by_role("link", name="Submit a job").click()
    page.get_by_label("Prompts").fill("a red circle on a blue background\n蓝色背景上的红色圆形")
    expect(page.locator("[data-count]")).to_have_text("2 prompts × 1 = 2 renders")
    page.get_by_role("button", name="Render").click()

    # Then the job's page comes, and shows steps and pictures as they arrive, without being loaded again
    page.wait_for_url("**/jobs/*-*")
    expect(page.locator(".render")).to_have_count(2, timeout=PATIENCE)
    assert page.title().startswith("0/2 · a red circle")
    page.evaluate("window.same = true")
    taken = drawer.take()
    bar = page.locator(f"[data-render='{taken[0].id}'] progress")

    def report(step: int) -> None:
        house.connections.progress.report(
            [
                StepProgress(
                    job_id=render.job_id,
                    project_id=render.project_id,
                    render_id=render.id,
                    phase="stepping",
                    step=step,
                    steps=20,
                )
                for render in taken
            ]
        )

    report(7)
    expect(bar).to_have_js_property("value", 7, timeout=PATIENCE)
    drawer.finish(taken)
    expect(page.locator(".render img")).to_have_count(2, timeout=PATIENCE)
    expect(page.locator("#state")).to_have_text("done", timeout=PATIENCE)
    eventually(lambda: page.title().startswith("a red circle"))
    eventually(
        lambda: page.evaluate("[...document.querySelectorAll('.render img')].every(one => one.naturalWidth > 0)")
    )
    assert page.evaluate("window.same") is True

    # And all of them are on one sheet
    page.get_by_role("link", name="Contact sheet").click()
    page.wait_for_url("**/sheet")
    eventually(lambda: page.evaluate("document.querySelector('.sheet').naturalWidth > 128"))
    page.go_back()

    # And each picture has its page, with a way to the next by the keyboard, and one to submit it again
    page.locator(".render a").first.click()
    page.wait_for_url("**/renders/*")
    eventually(lambda: page.evaluate("document.querySelector('#output img').naturalWidth > 0"))
    page.keyboard.press("ArrowRight")
    page.wait_for_url(f"**/renders/{taken[1].id}")
    expect(page.locator("#prompt")).to_have_text("蓝色背景上的红色圆形")
    page.get_by_role("link", name="Submit again with these").click()
    expect(page.get_by_label("Prompts")).to_have_value("蓝色背景上的红色圆形")
    assert visit.said == []


@pytest.mark.long
def test_on_a_phone_every_page_fits_and_faults_appear_beside_their_fields(
    live_house: House, browser: Browser, address: str
) -> None:
    house = live_house
    job = house.submit(model="wan-demo", prompt="a very long prompt " * 10, seed_count=3)
    Drawer(house.connections, "wan-demo-local").draw_everything()
    render = house.renders(job["id"])[0]
    visit = Visit(browser, house, address, 360)
    page = visit.page
    for path in ("/jobs", "/submit", "/submit?model=wan-demo", f"/jobs/{job['id']}", f"/jobs/{job['id']}/sheet",
                 f"/renders/{render['id']}", "/workers", "/dead-letters", "/problems/invalid-request",
                 "/docs"):  # fmt: skip
        page.goto(address + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, path
    page.wait_for_selector("text=Latent Farm")
    assert visit.said == []

    # What is wrong is said without a new page, and what was typed stays.
    page.goto(address + "/submit?model=wan-demo")
    page.get_by_label("Prompts").fill("fine\n" + "x" * 500)
    page.get_by_label("Steps").fill("999")
    page.keyboard.press("Tab")
    page.get_by_role("button", name="Render").press("Enter")
    expect(page.locator("[data-faults=prompt]")).to_contain_text("line 2", timeout=PATIENCE)
    expect(page.locator("[data-faults=num_inference_steps]")).to_contain_text("seen 999")
    expect(page.get_by_label("Steps")).to_have_value("999")
    # The dice draw a seed that is kept, and the lock lets it go.
    page.get_by_role("button", name="Draw a seed").click()
    expect(page.get_by_role("button", name="Keep the seed")).to_have_attribute("aria-pressed", "true")
    drawn = page.get_by_label("Seeds").input_value()
    assert drawn.isdecimal()
    page.get_by_role("button", name="Keep the seed").click()
    expect(page.get_by_label("Seeds")).to_have_value("")
    page.get_by_role("button", name="Keep the seed").click()
    expect(page.get_by_label("Seeds")).to_have_value(drawn)
    assert urlsplit(page.url).path == "/submit"


@pytest.mark.long
def test_no_job_comes_under_a_pointer_that_is_on_its_way(live_house: House, browser: Browser, address: str) -> None:
    # Given a list of jobs over which somebody moves the mouse
    live_house.submit(prompt="one")
    page = Visit(browser, live_house, address, 1280).page
    page.goto(f"{address}/jobs")
    rows = page.locator("#jobs > li")
    rows.first.hover()
    box = rows.first.bounding_box()
    assert box

    # When another one is submitted, then the list stays as it is until the mouse rests
    live_house.submit(prompt="two")
    for step in range(20):
        page.mouse.move(box["x"] + 40 + step, box["y"] + 20)
        page.wait_for_timeout(100)
        assert rows.count() == 1
    expect(rows).to_have_count(2)


@pytest.mark.long
def test_a_page_that_is_refused_its_stream_says_so_and_is_live_again_by_itself(
    live_house: House, browser: Browser, address: str
) -> None:
    # Given a page of a job, before which a proxy answers that there is no farm
    house, drawer = live_house, Drawer(live_house.connections, "sana-demo-local")
    job = house.submit()
    page = Visit(browser, house, address, 1280).page
    page.route("**/api/v1/live?*", lambda route: route.fulfill(status=502))
    page.goto(f"{address}/jobs/{job['id']}")
    page.evaluate("window.same = true")
    expect(page.locator("#away")).to_contain_text("The farm is not heard at the moment.")

    # When it is there again, then the page says nothing any more, and shows what happens
    page.unroute("**/api/v1/live?*")
    expect(page.locator("#away")).to_have_count(0)
    drawer.finish(drawer.take())
    expect(page.locator(".render img")).to_have_count(1)
    assert page.evaluate("window.same") is True


@pytest.mark.long
def test_drafts_are_kept_and_dropped_with_buttons(live_house: House, browser: Browser, address: str) -> None:
    # Given four drafts of two prompts on a job's page
    house = live_house
    job = house.submit(prompt=["a red circle", "a blue star"], seeds=[1, 2], stop_at_step=5)
    drawer = Drawer(house.connections, "sana-demo-local")
    drawer.draft(drawer.take())
    visit = Visit(browser, house, address, 1000)
    page = visit.page
    page.goto(f"{address}/jobs/{job['id']}")
    expect(page.locator(".badge.draft")).to_have_count(4)
    expect(page.locator("#forecast")).to_contain_text("wait for somebody's choice")
    eventually(
        lambda: page.evaluate("[...document.querySelectorAll('.render img')].every(one => one.naturalWidth > 0)")
    )

    # When one is kept and its sibling stopped, and one of the others dropped
    page.get_by_role("button", name="Keep only this").first.click()
    expect(page.locator(".badge.draft")).to_have_count(2)
    page.get_by_role("button", name="Drop").first.click()
    expect(page.locator(".badge.draft")).to_have_count(1)

    # Then that is so, and the page of the last draft shows it and can keep it too
    assert [render["status"] for render in house.renders(job["id"])] == ["pending", "cancelled", "cancelled", "drafted"]
    page.locator(".render a").last.click()
    page.wait_for_url("**/renders/*")
    eventually(lambda: page.evaluate("document.querySelector('#output img').naturalWidth > 0"))
    page.get_by_role("button", name="Keep", exact=True).click()
    page.wait_for_url("**/jobs/*")
    drawer.draw_everything()
    expect(page.locator("#state")).to_have_text("partly done", timeout=PATIENCE)
    assert [render["status"] for render in house.renders(job["id"])] == ["done", "cancelled", "cancelled", "done"]
    assert visit.said == []


def test_a_picture_is_uploaded_on_its_page_and_chosen_on_the_form(
    live_house: House, browser: Browser, address: str, tmp_path: Path
) -> None:
    scene = tmp_path / "scene.png"
    Image.effect_noise((900, 900), 60).convert("RGB").save(scene)  # more than a request may have otherwise
    visit = Visit(browser, live_house, address, 360)
    page = visit.page
    page.goto(address + "/submit?model=sprint-demo")
    page.get_by_role("link", name="upload one").first.click()
    page.wait_for_url("**/inputs")
    page.get_by_label("Picture", exact=False).set_input_files(scene)
    page.get_by_role("button", name="Upload").click()
    expect(page.locator("#pictures > li")).to_have_count(1, timeout=PATIENCE)
    eventually(lambda: page.evaluate("document.querySelector('#pictures img')?.naturalWidth > 0"))
    assert page.evaluate("document.documentElement.scrollWidth") <= 360

    page.goto(address + "/submit?model=sprint-demo")
    page.get_by_label("Prompts").fill("a red circle")
    page.locator("select[name=image]").select_option(label="scene.png (900 × 900)")
    page.get_by_role("button", name="Render", exact=True).click()
    page.wait_for_url("**/jobs/*")

    [render] = live_house.renders(urlsplit(page.url).path.rpartition("/")[2])
    assert render["parameters"]["image"]["sha256"]
    assert visit.said == []


def test_several_files_are_dropped_at_once_and_a_bad_one_keeps_no_other_out(
    live_house: House, browser: Browser, address: str
) -> None:
    visit = Visit(browser, live_house, address, 1280)
    page = visit.page
    page.goto(address + "/inputs")

    # When a person drops three files, one of which is no picture and one far larger than may be
    page.evaluate(
        """async () => {
            const picture = async (colour, size) => {
                const canvas = new OffscreenCanvas(size, size);
                const context = canvas.getContext('2d');
                context.fillStyle = colour;
                context.fillRect(0, 0, size, size);
                return canvas.convertToBlob();
            };
            const dropped = new DataTransfer();
            dropped.items.add(new File([await picture('red', 64)], 'red.png'));
            dropped.items.add(new File(['a text'], 'notes.txt'));
            dropped.items.add(new File([new Uint8Array(21e6)], 'huge.png'));
            dropped.items.add(new File([await picture('blue', 48)], 'blue.png'));
            const over = { dataTransfer: dropped, bubbles: true, cancelable: true };
            document.body.dispatchEvent(new DragEvent('dragover', over));
            document.body.dispatchEvent(new DragEvent('drop', over));
        }"""
    )

    # Then each of these says why beside its name, and the others are there, without a reload
    expect(page.locator("#told li")).to_have_count(2, timeout=PATIENCE)
    expect(page.locator("#told li").first).to_contain_text("notes.txt: ")
    expect(page.locator("#told li").last).to_contain_text("huge.png: ")
    expect(page.locator("#way")).to_have_text("2 files are stored.")
    expect(page.locator("#pictures > li")).to_have_count(2)
    assert {item["name"] for item in live_house.get("/api/v1/inputs").json["items"]} == {"red.png", "blue.png"}

    # And a chosen pair that is good leads to the list
    page.get_by_label("Pictures", exact=False).set_input_files(
        [{"name": f"{size}.png", "mimeType": "image/png", "buffer": _square(size)} for size in (40, 56)]
    )
    page.get_by_role("button", name="Upload").click()
    expect(page.locator("#pictures > li")).to_have_count(4)
    # The browser itself notes each answer 4xx
    assert [said for said in visit.said if "the server responded with a status of 4" not in said] == []


def _square(size: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (size, size), "green").save(buffer, "PNG")
    return buffer.getvalue()
