"""The contact sheet of a job, and what its pages say of scores and of the best."""

import io
import re
from html import unescape
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageStat

from dashboard.web.words import status_words
from farm.contact_sheet import Cell, contact_sheet, figures, line_below
from farm.storage_keys import ArtifactKind
from scheduler.maintenance import pick_best_of
from tests.dashboard.conftest import House
from tests.dashboard.drawing import Drawer
from tests.dashboard.visiting import PAGE, sign_in

POOL = "sana-demo-local"
CELL = 160  # pixels: wider than the thumbnails of these tests


def size(columns: int, rows: int) -> tuple[int, int]:
    """Pixels of a sheet of thumbnails of 128 x 128."""
    return columns * (CELL + 12) + 12, rows * (128 + 20 + 12) + 12


def sheet_of(house: House, job_id: str, query: str = "") -> Image.Image:
    answer = house.get(f"/api/v1/jobs/{job_id}/sheet{query}")
    assert answer.status_code == 200, answer.get_data(as_text=True)
    assert answer.content_type == "image/webp"
    return Image.open(io.BytesIO(answer.data)).convert("RGB")


def thumbnail_keys(house: House, job_id: str) -> list[str]:
    return sorted(
        key
        for key in house.connections.storage.list(f"projects/{house.ours.project_id}/jobs/{job_id}/")
        if key.endswith("thumbnail.webp")
    )


def test_a_sheet_shows_the_thumbnails_of_what_is_done_in_the_order_of_the_job(live_house: House) -> None:
    # Given a job of three renders of which two are done
    house, drawer = live_house, Drawer(live_house.connections, POOL)
    job = house.submit(seeds=[1, 2, 3], width=128, height=128)
    drawer.finish(drawer.take(2))

    # Then the sheet shows their thumbnails, a line below each,
    sheet = sheet_of(house, job["id"])
    assert sheet.size == size(columns=1, rows=2)
    for place, key in enumerate(thumbnail_keys(house, job["id"])):
        top = 12 + place * (128 + 20 + 12)
        shown = sheet.crop((12 + 16, top, 12 + 16 + 128, top + 128))
        stored = Image.open(io.BytesIO(house.connections.storage.get(key))).convert("RGB")
        assert max(ImageStat.Stat(ImageChops.difference(shown, stored)).mean) < 8
        line = sheet.crop((12, top + 128, 12 + CELL, top + 128 + 20)).convert("L")
        assert line.getextrema()[1] > 150
    # and a part of them where that was asked for, or where a file is broken or gone.
    assert sheet_of(house, job["id"], "?limit=1").size == size(columns=1, rows=1)
    assert sheet_of(house, job["id"], "?after=0").size == size(columns=1, rows=1)
    first, second = thumbnail_keys(house, job["id"])
    whole = house.connections.storage.get(second)
    house.connections.storage.put(second, whole[:40], "image/webp")
    assert sheet_of(house, job["id"]).size == size(columns=1, rows=1)
    house.connections.storage.put(second, whole, "image/webp")
    house.connections.storage.delete([first])
    assert sheet_of(house, job["id"]).size == size(columns=1, rows=1)


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ("", 409, "Nothing of this job is done, so there is no sheet of it"),
        ("?after=3", 409, "Nothing of this job is done behind index 3"),
        ("?limit=101", 422, "less than or equal to 100"),
        ("?limit=0", 422, "greater than or equal to 1"),
        ("?after=9999999999", 422, "less than or equal to"),
        ("?edge=9", 422, "is not known here"),
    ],
)
def test_where_there_is_no_sheet_a_problem_document_says_why(house: House, query: str, status: int, words: str) -> None:
    job = house.submit()
    answer = house.get(f"/api/v1/jobs/{job['id']}/sheet{query}")
    assert (answer.status_code, answer.content_type) == (status, "application/problem+json")
    assert words in answer.get_data(as_text=True)


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ({"seed": 7}, "12  seed 7"),
        ({"seed": 7, "score": 0.31416, "kept": True}, "12  seed 7  score 0.3142"),
        ({"score": -3.0, "kept": False}, "12  score -3 (not kept)"),
    ],
)
def test_below_a_picture_stand_its_place_and_what_its_scorer_said(said: dict[str, Any], line: str) -> None:
    assert line_below(11, **said) == line


def test_a_sheet_of_many_grows_downwards_and_its_cells_have_room_for_their_lines() -> None:
    tall = [Cell(Image.new("RGB", (90, 160)), line_below(place, score=0.5, kept=False)) for place in range(100)]
    assert contact_sheet(tall, least_cell=160, most_width=1100).size == (6 * 172 + 12, 17 * 192 + 12)
    assert contact_sheet(tall, columns=20).size == (20 * 102 + 12, 5 * 192 + 12)
    assert contact_sheet(tall[:1], most_width=50).width == 90 + 2 * 12


def test_the_page_of_a_job_leads_to_its_sheets_page_by_page(live_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a job of which nothing is done: it offers no sheet
    monkeypatch.setattr("dashboard.web.sheet.MOST_TILES", 2)
    house, drawer = live_house, Drawer(live_house.connections, POOL)
    visitor, job = sign_in(house), house.submit(seeds=[1, 2, 3])

    def links(path: str, pattern: str) -> list[str]:
        return re.findall(pattern, visitor.get(path, headers=PAGE).get_data(as_text=True))

    assert links(f"/jobs/{job['id']}", r'href="([^"]+/sheet)"') == []
    assert "Nothing more of this job is done" in str(visitor.get(f"/jobs/{job['id']}/sheet", headers=PAGE).data)

    # When all of it is done, then its page has a link to a page with a sheet, and that one to the next.
    drawer.finish(drawer.take())
    [first] = links(f"/jobs/{job['id']}", r'href="([^"]+/sheet)"')
    [second] = links(first, r'href="([^"]+)" rel="next"')
    assert links(second, r'rel="next"') == []
    sheets = [links(page, r'<img class="sheet" src="([^"]+)"')[0] for page in (first, second)]
    shown = [Image.open(io.BytesIO(visitor.get(unescape(address)).data)).size for address in sheets]
    assert shown == [size(columns=1, rows=2), size(columns=1, rows=1)]


@pytest.mark.parametrize(
    ("kept", "keep_best", "words"),
    [
        (True, 2, "among the best 2 of 4"),
        (False, 2, "not among the best 2 of 4"),
        (None, 2, "the best 2 of 4 to be chosen when the job has ended"),
        (True, 1, "the best of 4"),
        (False, 1, "not the best of 4"),
        (True, None, ""),
    ],
)
def test_a_render_is_said_to_be_among_the_best_or_not_once_that_is_chosen(
    kept: bool | None, keep_best: int | None, words: str
) -> None:
    parameters = {"keep_best": keep_best, "best_of": 4 if keep_best else None}
    render: Any = SimpleNamespace(parameters=parameters, score=0.5, kept=kept)
    assert status_words(render) == words
    assert [figures(score) for score in (0.31416, 12.3456, 8, 1234.5, -1.5)] == [
        "0.3142",
        "12.35",
        "8",
        "1,234",
        "-1.5",
    ]


@pytest.mark.usefixtures("installed")
def test_the_pages_show_scores_and_which_renders_are_among_the_best(live_house: House) -> None:
    # Given four seeds of which the best two are to be kept
    house, drawer = live_house, Drawer(live_house.connections, POOL)
    visitor = sign_in(house)
    job = house.submit(seeds=[1, 2, 3, 4], scorer="sharpness", keep_best=2)

    def text(path: str) -> str:
        return re.sub(r"\s+", " ", str(visitor.get(path, headers=PAGE).get_data(as_text=True)))

    # When they are done, then each has its score, and the page reads itself until the best are chosen;
    drawer.finish(drawer.take(), scores=[0.25, 12.3456, 34567.8, -1.5])
    page = text(f"/jobs/{job['id']}")
    assert re.findall(r'badge score"[^>]*>([^<]+)<', page) == ["0.25", "12.35", "34,568", "-1.5"]
    assert "sharpness, to keep the output of the best 2 of 4" in page
    assert 'data-reread="5"' in page
    first, second, *_ = house.renders(job["id"])
    assert "the best 2 of 4 to be chosen when the job has ended" in text(f"/renders/{first['id']}")

    # and when these are chosen, all pages say which they are, and show what is left of the others.
    assert pick_best_of.one_pass(house.connections, house.connections.clock()) == 2
    page = text(f"/jobs/{job['id']}")
    assert page.count("· among the best 2 of 4") == page.count("· not among the best 2 of 4") == 2
    assert 'data-reread="5"' not in page
    of_first, of_second = text(f"/renders/{first['id']}"), text(f"/renders/{second['id']}")
    assert "0.25 by sharpness" in of_first
    assert "Only this thumbnail is kept: it is not among the best 2 of 4" in of_first
    [thumbnail] = [file for file in house.renders(job["id"])[0]["artifacts"] if file["kind"] == ArtifactKind.THUMBNAIL]
    assert f'<img src="/artifacts/{thumbnail["id"]}"' in of_first
    assert "Download" not in of_first
    assert "12.35 by sharpness" in of_second
    assert "among the best 2 of 4" in of_second
    assert "not among" not in of_second
    assert "Download" in of_second
    assert sheet_of(house, job["id"]).size == size(columns=2, rows=2), "thumbnails of all four are kept"
