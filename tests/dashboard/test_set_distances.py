"""FID and KID that somebody computed of a job, or of a filter of the gallery, are kept and stand on their page."""

from html import unescape
from typing import Any

import pytest

from dashboard.reads.gallery.listing import WHOLE_GALLERY, GalleryFilter
from dashboard.web.gallery.fid_command import fid_command
from farm.verification.second_renders import SecondRenders
from tests.dashboard.conftest import House
from tests.dashboard.finished import finish_everything
from tests.dashboard.visiting import PAGE, sign_in

GALLERY = "/api/v1/set-distances"

FOUND: dict[str, Any] = {
    "reference": "photographs",
    "fid": 41.25,
    "kid": -0.0012,
    "kid_std": 0.0003,
    "pictures": 100,
    "reference_pictures": 5000,
    "features": 2048,
    "features_sha256": "ab" * 32,
}


def test_figures_of_a_set_are_kept_the_newest_in_place_of_the_one_before(house: House) -> None:
    path = f"/api/v1/jobs/{house.submit()['id']}/set-distances"
    assert house.get(path).json == {"items": []}
    assert house.post(path, json=FOUND).status_code == 200
    house.post(path, json=FOUND | {"fid": 39.5})
    house.post(path, json=FOUND | {"reference": "job 1", "fid": 2.0})
    items = house.get(path).json["items"]
    assert [(one["reference"], one["fid"]) for one in items] == [("job 1", 2.0), ("photographs", 39.5)]
    assert {name: items[1][name] for name in FOUND} == FOUND | {"fid": 39.5}


def test_nobody_else_reads_or_writes_them_and_wrong_figures_are_refused(house: House) -> None:
    path = f"/api/v1/jobs/{house.submit()['id']}/set-distances"
    assert house.post(path, house.theirs, json=FOUND).status_code == 404
    assert house.get(path, house.theirs).status_code == 404
    for wrong in ({"fid": "41"}, {"pictures": 0}, {"features_sha256": "nothing"}, {"reference": "a\nb"}, {"more": 1}):
        assert house.post(path, json=FOUND | wrong).status_code == 422, wrong
    assert house.get(path).json["items"] == []


def test_the_page_of_scores_of_the_job_shows_them_with_what_to_think_of_them(house: House) -> None:
    job = house.submit()["id"]
    house.post(f"/api/v1/jobs/{job}/set-distances", json=FOUND)
    page = sign_in(house).get(f"/scores?job={job}", headers=PAGE).get_data(as_text=True)
    assert "As a set: FID and KID" in page
    assert "photographs" in page
    assert "41.25" in page
    assert "says little: fewer pictures than features" in page
    assert "100 against 5,000" in page


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_figures_are_kept_of_a_filter_of_the_gallery_however_it_is_written(postgres_house: House) -> None:
    house = postgres_house
    kept = house.post(f"{GALLERY}?tag=sea&tag=Night&rating=4", json=FOUND)
    assert (kept.status_code, len(kept.json["items"])) == (200, 1)
    house.post(f"{GALLERY}?rating=4&tag=night&tag=sea", json=FOUND | {"fid": 39.5})
    house.post(GALLERY, json=FOUND | {"fid": 50.0})  # of the whole gallery

    [of_filter] = house.get(f"{GALLERY}?tag=night&rating=4&tag=sea&tag=night").json["items"]
    assert {name: of_filter[name] for name in FOUND} == FOUND | {"fid": 39.5}
    assert [one["fid"] for one in house.get(GALLERY).json["items"]] == [50.0]
    assert house.get(f"{GALLERY}?tag=night").json["items"] == []
    assert house.get(GALLERY, house.theirs).json["items"] == []


def test_of_all_filters_the_newest_figures_are_kept(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scheduler.gallery.set_distances.MOST_OF_GALLERY", 2)
    for rating in (1, 2, 3):
        house.post(f"{GALLERY}?rating={rating}", json=FOUND)
    house.post(GALLERY, house.theirs, json=FOUND)
    assert [len(house.get(f"{GALLERY}?rating={rating}").json["items"]) for rating in (1, 2, 3)] == [0, 1, 1]


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ("job=018f0000-0000-7000-8000-000000000000", 422, "/api/v1/jobs/{job_id}/set-distances"),
        ("model=sana-dem", 422, "did you mean 'sana-demo'"),
        ("board=018f0000-0000-7000-8000-000000000000", 404, "no board"),
        ("least_score=3", 422, "needs 'scorer'"),
        ("limit=3", 422, "limit"),
    ],
)
def test_a_filter_that_cannot_be_is_refused_in_words(house: House, query: str, status: int, words: str) -> None:
    for answer in (house.get(f"{GALLERY}?{query}"), house.post(f"{GALLERY}?{query}", json=FOUND)):
        assert (answer.status_code, words in answer.get_data(as_text=True)) == (status, True), answer.json


def test_the_page_of_scores_of_a_filter_shows_its_figures_and_the_command_that_computes_them(house: House) -> None:
    house.submit(prompt="by the sea", seed=1)
    finish_everything(house.connections)
    [render] = house.get("/api/v1/renders").json["items"]
    house.post("/api/v1/renders/marks", json={"renders": [render["id"]], "rating": 5, "add_tags": ["night sea"]})
    house.post(f"{GALLERY}?tag=night+sea&finished_before=2096-02-01T00:00:00Z", json=FOUND)
    visitor = sign_in(house)
    page = visitor.get("/scores?tag=Night+Sea&until=2096-01-31", headers=PAGE).get_data(as_text=True)
    assert "How far the pictures that these filters found then were" in page
    assert "41.25" in page
    command = "farm fid '--tag=night sea' --before=2096-02-01 --reference PICTURES --features FILE --keep"
    assert command in unescape(page)
    assert "41.25" not in visitor.get("/scores", headers=PAGE).get_data(as_text=True)


def test_the_command_on_a_page_chooses_what_the_page_shows() -> None:
    day = 1_767_225_600.0  # 2026-01-01 in UTC
    everything = GalleryFilter(
        text="sea", models=("sana-demo",), width=64, height=32, sampler="euler", lora="x", tags=("a", "b"), rating=3,
        favourite=True, user="ada", scorer="clip", least_score=28.5, board="B", finished_after=day,
        finished_before=day + 1, verifications=SecondRenders.WITH,
    )  # fmt: skip
    assert fid_command(everything) == (
        "farm fid --text=sea --width=64 --height=32 --sampler=euler --lora=x --rating=3 --user=ada --board=B "
        "--scorer=clip --least-score=28.5 --model=sana-demo --tag=a --tag=b --favourite --since=2026-01-01 "
        "--before=2026-01-01T00:00:01 --verifications=with --reference PICTURES --features FILE --keep"
    )
    told_apart = {"job", "deleted"}  # by a job's id, and not at all
    assert set(vars(everything)) - told_apart == {name for name, value in vars(everything).items() if value}
    assert (fid_command(GalleryFilter(job="J")) or "").startswith("farm fid J --reference")
    assert (fid_command(WHOLE_GALLERY) or "").startswith("farm fid --all --reference")
    assert fid_command(GalleryFilter(deleted=True)) is None
