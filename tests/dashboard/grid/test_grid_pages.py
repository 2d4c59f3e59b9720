"""A sweep on its page and its sheet: labelled rows and columns, only changes for a live page, and lists beside it."""

import io
import re
from html import unescape
from typing import Any

from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy import update

from dashboard.web.farm.failures import failure_of
from farm.database import write
from farm.tables import Render
from tests.dashboard.conftest import House
from tests.dashboard.drawing import Drawer
from tests.dashboard.visiting import PAGE, sign_in, token_of


def _page(visitor: FlaskClient, path: str, status: int = 200) -> str:
    answer = visitor.get(path, headers=PAGE)
    assert answer.status_code == status, answer.get_data(as_text=True)
    return answer.get_data(as_text=True)


def _fail(house: House, job_id: str, count: int, reason: str) -> None:
    """Settle renders of a house without storage as failed."""
    drawer = Drawer(house.connections, "sana-demo-local")
    taken = drawer.take(count)
    assert {render.job_id for render in taken} == {job_id}
    drawer.finish(taken, reason=reason)


def test_a_sweep_is_a_grid_whose_sheet_has_the_same_axes(live_house: House) -> None:
    # Given a sweep of six renders of which two are done
    house, drawer = live_house, Drawer(live_house.connections, "sana-demo-local")
    visitor = sign_in(house)
    job = house.submit(guidance_scale=[1, 3.5, 5], num_inference_steps=[2, 4], seed=7)
    path = f"/jobs/{job['id']}"
    assert re.findall(r'<img src="/artifacts/', _page(visitor, path)) == []
    drawer.finish(drawer.take(2))

    # Then its page is a grid with labels, and says in its address what runs where
    page = _page(visitor, path)
    assert [unescape(title) for title in re.findall(r'<th scope="col"><a [^>]*title="([^"]+)"', page)] == [
        "Only Steps 2",
        "Only Steps 4",
    ]
    assert len(re.findall(r'<td id="cell-\d+"', page)) == 6
    assert len(re.findall(r'<img src="/artifacts/', page)) == 2
    turned = _page(visitor, f"{path}?view=grid&x=guidance_scale&y=")
    assert len(re.findall(r'<td id="cell-\d+"', turned)) == 3
    # and a live page asks for no more than what has changed,
    since = re.search(r'data-since="([\d.]+)"', page)
    assert since
    assert len(re.findall(r'<td id="cell-\d+"', _page(visitor, f"{path}?since={since[1]}"))) == 2
    later = float(since[1]) + 1000
    assert re.findall(r'<td id="cell-\d+"', _page(visitor, f"{path}?since={later}")) == []
    # and the sheet has the same rows and columns, before and after.
    [sheet] = re.findall(r'<a class="button" href="([^"]+/sheet[^"]*)"', turned)
    [address] = re.findall(r'<img class="sheet" src="([^"]+)"', _page(visitor, unescape(sheet)))
    picture = Image.open(io.BytesIO(visitor.get(unescape(address)).data))
    assert picture.width > 3 * 128
    tall = house.get(f"/api/v1/jobs/{job['id']}/sheet?x=guidance_scale&y=num_inference_steps")
    assert Image.open(io.BytesIO(tall.data)).height > picture.height + 128
    assert house.get(f"/api/v1/jobs/{job['id']}/sheet?x=nothing").status_code == 422
    assert house.get(f"/api/v1/jobs/{house.submit()['id']}/sheet?x=seed").status_code == 409


def test_a_wrong_axis_is_refused_in_words_and_a_job_that_is_no_grid_says_so(house: House, visitor: FlaskClient) -> None:
    sweep = house.submit(guidance_scale=[1, 3], seed_count=2)
    assert "is no axis of this job; they are guidance_scale, seed" in unescape(
        _page(visitor, f"/jobs/{sweep['id']}?view=grid&x=colour", 422)
    )
    single = house.submit()
    assert "The renders of this job are no grid" in _page(visitor, f"/jobs/{single['id']}?view=grid")


def test_a_list_shows_one_state_and_any_of_its_pages(house: House, visitor: FlaskClient) -> None:
    # Given a job of 150 renders, of which two have failed
    job = house.submit(seed_count=150)
    _fail(house, job["id"], 2, "decoding: torch.OutOfMemoryError: CUDA out of memory")
    path = f"/jobs/{job['id']}"

    def shown(query: str) -> list[str]:
        return re.findall(r'<li id="render-([0-9a-f-]+)"', _page(visitor, path + query))

    # Then there are three pages, each with an address, and a page with the failed alone
    everything = [render for page in (1, 2, 3) for render in shown(f"?page={page}")]
    assert (len(everything), len(set(everything))) == (150, 150)
    assert shown("?page=99") == shown("?page=3")
    assert shown("?status=waiting&page=3") == everything[-28:]
    assert "of 3" in _page(visitor, path)
    failed = _page(visitor, f"{path}?status=failed")
    assert "It needs more GPU memory than the worker has" in failed
    assert failed.count(">Try again</button>") == 2
    for wrong in ("?page=0", "?page=x", "?status=broken"):
        _page(visitor, path + wrong, 422)

    # When one is tried again, then its button leads back to this page, and nowhere else.
    render = shown("?status=failed")[0]
    form = {"csrf_token": token_of(visitor, path), "back": f"{path}?status=failed"}
    answer = visitor.post(f"/renders/{render}/retry", data=form)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{path}?status=failed")
    assert shown("?status=failed") == everything[1:2]
    away = visitor.post(f"/renders/{everything[1]}/retry", data=form | {"back": "//elsewhere.example"})
    assert away.headers["Location"] == "/jobs"


def test_a_failure_names_the_file_that_is_at_fault(house: House, visitor: FlaskClient) -> None:
    picture: dict[str, Any] = {"id": "0198", "key": "k", "sha256": "0" * 64}
    names = {"0198": "scene.png", "a1": "ink.safetensors"}
    failure = failure_of("preparing it: Refused: the picture 'image' cannot be read: broken", {"image": picture}, names)
    assert (failure.files, "Upload it again" in failure.meaning) == (["scene.png"], True)
    lora = {"loras": [{"name": "a1", "weight": 1.0}]}
    told = failure_of("preparing it: AdapterUnfit: the adapter 'a1' does not fit this model: sizes", lora, names)
    assert (told.files, told.reason.count("ink.safetensors")) == (["ink.safetensors"], 1)
    assert failure_of("decoding: KeyError: 'x'", {}, {}).reason == "decoding: 'x'"
    # and a render whose reason nobody foresaw still says it on its page.
    job = house.submit()
    with write(house.connections.engine) as connection:
        connection.execute(update(Render).where(Render.job_id == job["id"]).values(status="failed", reason="odd thing"))
    assert "odd thing" in _page(visitor, f"/jobs/{job['id']}")
