"""The gallery as people use it: in a browser, by mouse and by keys, with ten thousand pictures."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient
from playwright.sync_api import Browser, expect
from sqlalchemy import insert, select

from farm.database import write
from farm.ids import new_id
from farm.tables import Artifact, Render
from tests.dashboard.conftest import House
from tests.dashboard.finished import PIXEL, finish_everything
from tests.dashboard.test_browser import Visit, address, browser
from tests.dashboard.test_browser import pytestmark as needs_chromium
from tests.dashboard.translations.test_choice import CHINESE
from tests.dashboard.visiting import PAGE, sign_in, token_of
from tests.waiting import eventually

__all__ = ["address", "browser"]  # fixtures


def _cards(client: FlaskClient, query: str = "") -> list[str]:
    text = client.get(f"/gallery{query}", headers=PAGE).get_data(as_text=True)
    return re.findall(r'id="card-([^"]+)"', text)


def test_the_gallery_works_without_scripts_and_says_what_to_do_when_it_is_empty(house: House) -> None:
    visitor = sign_in(house)
    assert "Submit the first job" in visitor.get("/gallery").get_data(as_text=True)
    house.submit(prompt=["one", "two"], seed=1)
    finish_everything(house.connections)
    two, one = _cards(visitor)

    def press(do: str, query: str = "", **more: str) -> str:
        form = {"csrf_token": token_of(visitor, "/gallery"), "do": do, "render": one, **more}
        answer = visitor.post(f"/gallery/marks{query}", data=form)
        assert answer.status_code == 303, answer.get_data(as_text=True)
        return str(answer.headers["Location"])

    press("rate-5")
    press("tag", tag="Sea View, draft")
    press("board", new_board="Finals")
    assert press("favourite", "?rating=5&evil=1").endswith("/gallery?rating=5")
    for query in ("?rating=5", "?tag=sea+view,draft", "?favourite=1", "?text=on", "?since=2020-01-01&size=128x128"):
        assert (_cards(visitor, query) == [one]) == ("since" not in query), query
    picture = visitor.get(f"/gallery/{one}?favourite=1").get_data(as_text=True)
    assert "Finals" in picture
    assert 'id="next"' not in picture
    assert f"/gallery/{two}" in visitor.get(f"/gallery/{one}").get_data(as_text=True)
    gone = press("delete", "?favourite=1", page="picture")
    told = visitor.get(gone, headers=PAGE).get_data(as_text=True)
    assert "The picture is deleted." in told
    assert press("restore", "?favourite=1", page="picture").endswith(f"/gallery/{one}?favourite=1")
    assert "The picture is deleted." not in visitor.get(gone, headers=PAGE).get_data(as_text=True)
    assert visitor.get("/gallery?gone=x").status_code == 200
    press("delete")
    assert (_cards(visitor), _cards(visitor, "?deleted=1")) == ([two], [one])
    press("restore", "?deleted=1")
    assert len(_cards(visitor)) == 2

    # What means nothing is said; nothing of it is a fault of the farm.
    wrong = visitor.get("/gallery?size=big&rating=9&board=x&since=yesterday&text=%00")
    assert (wrong.status_code, wrong.get_data(as_text=True).count('role="alert"')) == (422, 4)
    no_board = "0195f0c2-7d1a-7c3e-9f00-2b6c1d4e5f60"
    names = f"model=sana-dem&user=nobody&sampler=dpm&scorer=sharp&score=0.5&board={no_board}"
    for path in ("/gallery", "/scores"):
        told = visitor.get(f"{path}?{names}", headers=PAGE)
        assert (told.status_code, told.text.count('role="alert"')) == (422, 5)
        assert "Scorer: there is no scorer &#39;sharp&#39;; did you mean &#39;sharpness&#39;? Known: " in told.text
        assert "There is no such board." in told.text
    assert len(_cards(visitor, f"?{names}")) == 2, "as without them"
    chinese = visitor.get("/gallery?model=sana-dem", headers=CHINESE).text
    assert "模型：没有名为 &#39;sana-dem&#39; 的模型；是否要写 &#39;sana-demo" in chinese
    assert visitor.get("/gallery/archive?user=nobody").status_code == 422
    assert visitor.get("/scores?by=sharp").status_code == 422
    unclear = {"csrf_token": token_of(visitor, "/gallery"), "scorer": "sharpness"}
    assert visitor.post("/scores?size=big", data=unclear).status_code == 422
    bad = {"csrf_token": token_of(visitor, "/gallery"), "render": one}
    for form in (
        {"do": "explode"},
        {"do": "rate-6"},
        {"do": "tag", "tag": "x" * 51},
        {"do": "board", "new_board": "\x01"},
    ):
        assert visitor.post("/gallery/marks", data=bad | form).status_code == 422, form
    assert visitor.get("/gallery?cursor=x").status_code == 422
    theirs = sign_in(house, house.theirs)
    assert theirs.get(f"/gallery/{one}").status_code == 404
    assert _cards(theirs) == []


def test_vary_asks_for_the_same_with_new_seeds(house: House) -> None:
    house.submit(prompt="one", seed=77)
    visitor = sign_in(house)
    [render] = house.renders(house.get("/api/v1/jobs").json["items"][0]["id"])
    assert 'value="77"' in visitor.get(f"/submit?again={render['id']}").get_data(as_text=True)
    varied = visitor.get(f"/submit?again={render['id']}&vary").get_data(as_text=True)
    assert 'value="77"' not in varied
    assert 'name="seed_count" type="number" min="1" step="1" value="4"' in varied


@pytest.fixture
def ten_thousand(live_house: House) -> House:
    """A house with ten thousand finished renders, made of one."""
    house = live_house
    house.submit(prompt=["picture 0", "picture with a comet"], seed=1)
    finish_everything(house.connections, stored=True)
    with write(house.connections.engine) as connection:
        render = dict(connection.execute(select(Render.__table__).limit(1)).mappings().one())
        file = select(Artifact.__table__).where(Artifact.kind == "thumbnail").limit(1)
        thumbnail = dict(connection.execute(file).mappings().one())
        renders, files = [], []
        for index in range(2, 10_000):
            asked = {**render["parameters"], "prompt": f"picture {index}"}
            renders.append({**render, "id": new_id(), "index": index, "parameters": asked})
            # A key of its own that leads to the same bytes is not needed: of most only the address is asked for.
            files.append({**thumbnail, "id": new_id(), "render_id": renders[-1]["id"], "key": f"none/{index}"})
        for first in range(0, len(renders), 1000):
            connection.execute(insert(Render), renders[first : first + 1000])
            connection.execute(insert(Artifact), files[first : first + 1000])
    for index in (*range(9_700, 10_000),):
        house.connections.storage.put(f"none/{index}", PIXEL, "image/png")
    return house


@needs_chromium
@pytest.mark.long
def test_ten_thousand_pictures_are_scrolled_found_marked_and_deleted(
    ten_thousand: House, browser: Browser, address: str
) -> None:
    visit = Visit(browser, ten_thousand, address, 1280)
    page = visit.page
    fetched: list[str] = []
    cdp = page.context.new_cdp_session(page)
    cdp.send("Network.enable")
    asked: dict[str, str] = {}
    cdp.on("Network.requestWillBeSent", lambda event: asked.update({event["requestId"]: event["request"]["url"]}))
    cdp.on("Network.requestServedFromCache", lambda event: asked.pop(event["requestId"], None))

    def note(event: dict[str, object]) -> None:
        response = event["response"]
        assert isinstance(response, dict)
        if "/thumbnails/" in response["url"] and not response.get("fromDiskCache") and event["requestId"] in asked:
            fetched.append(response["url"])

    cdp.on("Network.responseReceived", note)

    # Scrolling fetches what is below; a page visited again fetches no thumbnail twice.
    page.goto(f"{address}/gallery")
    expect(page.locator("#marks")).to_be_hidden()
    expect(page.locator(".card").first).to_contain_text("picture 9999")
    for _ in range(3):
        seen = page.locator(".card").count()
        page.mouse.wheel(0, 20_000)
        eventually(lambda seen=seen: page.locator(".card").count() > seen)
    page.evaluate("scrollTo(0, 0)")
    eventually(lambda: page.evaluate("document.querySelector('.card img').naturalWidth > 0"))
    first = len(fetched)
    assert first >= 8
    for path in ("/jobs", "/gallery"):
        page.goto(address + path)
    eventually(lambda: page.evaluate("document.querySelector('.card img').naturalWidth > 0"))
    assert len(fetched) == len(set(fetched))

    # By keys alone: choose, rate, tag, delete, undo.
    page.locator(".card a").first.focus()
    page.keyboard.press("5")
    expect(page.locator(".card").first).to_contain_text("5 of 5 stars")
    page.keyboard.press("f")
    expect(page.locator(".card").first).to_contain_text("favourite")
    page.keyboard.press("x")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("x")
    expect(page.locator("#chosen")).to_have_text("2 chosen")
    page.keyboard.press("t")
    page.keyboard.type("Best of")
    page.keyboard.press("Enter")
    expect(page.locator(".card", has_text="#best of")).to_have_count(2)
    page.locator(".card a").first.focus()
    page.keyboard.press("Delete")
    expect(page.locator(".card").first).to_contain_text("picture 9997")
    page.keyboard.press("u")
    expect(page.locator(".card").first).to_contain_text("picture 9999")

    # Filters stand in the address; the picture's page goes on among what they find.
    page.goto(f"{address}/gallery")
    page.get_by_label("Words of the prompt").fill("comet")
    page.keyboard.press("Enter")
    expect(page.locator(".card")).to_have_count(1)
    assert parse_qs(urlsplit(page.url).query)["text"] == ["comet"]
    page.reload()
    expect(page.locator(".card")).to_have_count(1)
    page.goto(f"{address}/gallery?tag=best+of")
    expect(page.locator(".card")).to_have_count(2)
    page.locator(".card a").first.click()
    page.wait_for_url("**/gallery/*")
    expect(page.locator("#prompt")).to_have_text("picture 9999")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#prompt")).to_have_text("picture 9998")
    page.keyboard.press("3")
    expect(page.get_by_label("3 of 5 stars").first).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".card")).to_have_count(2)
    assert visit.said == []
