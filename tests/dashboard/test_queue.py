"""The queue page: one's own jobs in another order, one or several; drafts that wait stand out in the list of jobs."""

import io
import re

from PIL import Image
from playwright.sync_api import Browser, expect
from sqlalchemy import update

from farm.database import write
from farm.progress import Preview
from farm.tables import Render
from tests.dashboard.conftest import House
from tests.dashboard.drawing import Drawer
from tests.dashboard.finished import finish_everything
from tests.dashboard.test_browser import Visit, address, browser
from tests.dashboard.test_browser import pytestmark as needs_chromium
from tests.dashboard.visiting import PAGE, sign_in, token_of
from tests.waiting import eventually

__all__ = ["address", "browser"]  # fixtures


def webp() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (16, 16), "red").save(file, "WEBP")
    return file.getvalue()


def _order(house: House) -> list[str]:
    """The titles of one's line, as the page shows them."""
    text = house.client.get("/queue", headers=house.ours.headers | PAGE).get_data(as_text=True)
    return re.findall(r'<a href="/jobs/[^"]+">([^<]+)</a>', text)


def test_jobs_are_put_elsewhere_in_their_line_one_or_several_at_once(house: House) -> None:
    ids = {name: house.submit(prompt=name)["id"] for name in "abcde"}
    theirs = house.submit(house.theirs, prompt="theirs")
    house.submit(prompt="bulk", **{"class": "bulk"})
    visitor = sign_in(house)

    def press(do: str, *jobs: str) -> int:
        form = {"csrf_token": token_of(visitor, "/queue"), "do": do, "job": [ids.get(job, job) for job in jobs]}
        return visitor.post("/queue", data=form).status_code

    assert _order(house) == ["bulk", *"abcde"]
    assert press("front", "c", "d") == 303
    assert _order(house) == ["bulk", *"cdabe"]
    press("back", "c", "a")
    assert _order(house) == ["bulk", *"dbeca"]
    press(f"before:{ids['d']}", "e", "c")
    assert _order(house) == ["bulk", *"ecdba"]
    press(f"after:{ids['a']}", "e", "d")
    assert _order(house) == ["bulk", *"cbaed"]
    press(f"up:{ids['e']}")
    press(f"down:{ids['c']}")
    assert _order(house) == ["bulk", *"bcead"]
    for do in (f"up:{ids['b']}", f"down:{ids['d']}"):  # no further
        assert press(do) == 303
    assert _order(house) == ["bulk", *"bcead"]
    for do in ("pause", "class:bulk", "resume", "cancel"):
        assert press(do, theirs["id"]) == 404
    assert press("pause", "b", "e") == 303
    text = visitor.get("/queue").get_data(as_text=True)
    assert text.count("The job is paused") == 2
    press("resume", "b", "e")
    assert "The job is paused" not in visitor.get("/queue").get_data(as_text=True)
    press("cancel", "e", "a")
    press("class:urgent", "d")
    assert _order(house) == ["bulk", "b", "c", "d"]
    assert press("front", theirs["id"]) == 404
    assert press("explode", "a") == 422
    assert press("front", *["a"] * 101) == 422


@needs_chromium
def test_the_queue_is_ordered_by_mouse_and_by_keys(live_house: House, address: str, browser: Browser) -> None:
    house = live_house
    ids = {name: house.submit(prompt=name)["id"] for name in "abc"}
    visit = Visit(browser, house, address, 1280)
    page = visit.page
    page.goto(f"{address}/queue")
    page.locator(f"#job-{ids['c']} > a").focus()
    page.keyboard.press("Alt+ArrowUp")
    eventually(lambda: _order(house) == ["a", "c", "b"])
    shown = page.locator("#queue [data-job]")
    moved = [f"job-{ids[name]}" for name in "acb"]
    eventually(lambda: shown.evaluate_all("rows => rows.map((row) => row.id)") == moved)
    page.locator(f"#job-{ids['c']} > a:focus").wait_for()  # it went along
    page.locator(f"#job-{ids['b']} .grip").hover()  # waits until the rows stand still
    page.mouse.down()
    expect(page.locator(f"#job-{ids['b']}")).to_have_class("held")
    # What changes meanwhile moves nothing under the pointer, and is shown after the drop.
    house.post(f"/api/v1/jobs/{ids['c']}/pause")
    for _ in range(2):  # the second reading begins when the first is done with
        page.wait_for_event("response", lambda answer: answer.url.endswith("/queue"))
    expect(page.get_by_text("The job is paused")).to_have_count(0)
    first = page.locator(f"#job-{ids['a']}").bounding_box()
    assert first
    page.mouse.move(first["x"] + 40, first["y"] + 2, steps=5)
    page.mouse.up()
    eventually(lambda: _order(house) == ["b", "a", "c"])
    expect(page.get_by_text("The job is paused")).to_be_visible()
    # What somebody else puts in order is seen here too, without loading the page anew.
    house.post(f"/api/v1/jobs/{ids['c']}/order", json={"place": "front"})
    moved = [f"job-{ids[name]}" for name in "cba"]
    eventually(lambda: shown.evaluate_all("rows => rows.map((row) => row.id)") == moved)


@needs_chromium
def test_the_queue_shows_what_runs_with_its_preview_and_why_the_rest_waits(
    live_house: House, address: str, browser: Browser
) -> None:
    # Given a worker that renders one job, and another that waits behind it
    house, drawer = live_house, Drawer(live_house.connections, "sana-demo-local")
    visit = Visit(browser, house, address, 1280)
    page = visit.page
    page.goto(f"{address}/queue")
    expect(page.get_by_text("Nothing waits")).to_be_visible()
    job = house.submit(prompt="a red circle")
    expect(page.locator(f"#now-{job['id']} .why")).not_to_be_empty()
    [render] = drawer.take(1)

    # Then it is said to run, with a picture of where it is, without loading the page anew
    expect(page.locator(f"#left-{job['id']}")).to_contain_text("1 running")
    told = Preview(job_id=job["id"], project_id=render.project_id, render_id=render.id, step=7)
    house.connections.progress.show(told, webp())
    shown = page.locator(f"#now-{job['id']} .preview")
    expect(shown).to_have_count(1)
    eventually(lambda: shown.evaluate("one => one.naturalWidth > 0"))
    drawer.finish([render])
    expect(page.get_by_text("Nothing waits")).to_be_visible()
    assert visit.said == []


def test_drafts_that_wait_stand_out_and_have_a_filter_and_jobs_are_found_by_tag(house: House) -> None:
    drafted = house.submit(prompt=["one", "two"])
    finished = house.submit(prompt="three")
    finish_everything(house.connections, but="o")
    [done] = house.renders(finished["id"])
    with write(house.connections.engine) as connection:
        connection.execute(update(Render).where(Render.job_id == drafted["id"]).values(status="drafted"))
    house.client.patch(f"/api/v1/renders/{done['id']}/marks", json={"tags": ["sea view"]}, headers=house.ours.headers)

    def found(query: str) -> list[str]:
        items = house.get(f"/api/v1/jobs{query}").json["items"]
        return [job["id"] for job in items]

    assert found("?drafted=true") == [drafted["id"]]
    assert found("?tag=Sea%20View") == [finished["id"]]
    assert found("?tag=sea%20view&tag=other") == []
    assert house.get("/api/v1/jobs?tag=sea%20view", house.theirs).json["items"] == []

    visitor = sign_in(house)
    assert "2 drafts wait for a choice" in visitor.get("/jobs").get_data(as_text=True)
    only = visitor.get("/jobs?show=drafts").get_data(as_text=True)
    assert (drafted["id"] in only, finished["id"] in only) == (True, False)
    tagged = visitor.get("/jobs?tag=sea+view").get_data(as_text=True)
    assert (drafted["id"] in tagged, finished["id"] in tagged) == (False, True)
    assert "No job here has renders with the tag" in visitor.get("/jobs?tag=none").get_data(as_text=True)
