"""FID and KID that somebody computed of a job are kept, listed, and stand on the job's page of scores."""

from typing import Any

from tests.dashboard.conftest import House
from tests.dashboard.visiting import PAGE, sign_in

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
