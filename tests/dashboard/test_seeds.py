"""Seeds of 64 bits over the API and the pages, through both databases: as numbers and, for browsers, as texts."""

import re

import pytest
from flask.testing import FlaskClient

from farm.params import MAX_SEED
from tests.dashboard.conftest import House
from tests.dashboard.visiting import PAGE, typed

LARGE = [2**53 + 1, 2**63, MAX_SEED]


def check_large_seeds(house: House) -> None:
    for sent in (LARGE, [str(seed) for seed in LARGE]):
        job = house.submit(seeds=sent)
        assert job["request"]["seeds"] == sent  # as it was submitted
        renders = house.renders(job["id"])
        assert [render["parameters"]["seed"] for render in renders] == LARGE
        assert [render["seed_text"] for render in renders] == [str(seed) for seed in LARGE]


def test_large_seeds_come_back_exactly_as_numbers_and_as_texts(house: House) -> None:
    check_large_seeds(house)


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_large_seeds_are_exact_on_postgresql_too(postgres_house: House) -> None:
    check_large_seeds(postgres_house)


def test_rows_of_a_stream_keep_large_seeds(house: House) -> None:
    rows = f"prompt,seed\na red circle,{MAX_SEED}\na blue star,-1\n"
    answer = house.post(
        "/api/v1/jobs/stream?model=sana-demo",
        data=rows,
        headers={"Content-Type": "text/csv", "Idempotency-Key": "rows"},
    )
    assert answer.status_code in (200, 201), answer.get_data(as_text=True)
    named, drawn = house.renders(answer.json["job"]["id"])
    assert named["parameters"]["seed"] == MAX_SEED
    assert 0 <= drawn["parameters"]["seed"] <= MAX_SEED


def test_the_seed_that_minus_one_drew_is_in_the_render(house: House) -> None:
    job = house.submit(seed=-1)
    assert job["request"]["seed"] == -1
    [render] = house.renders(job["id"])
    assert 0 <= render["parameters"]["seed"] <= MAX_SEED


def test_the_form_takes_a_large_seed_shows_it_and_fills_it_in_again(house: House, visitor: FlaskClient) -> None:
    form = typed(visitor, prompt="a red circle", seeds=f"{MAX_SEED}, -1")
    answer = visitor.post("/submit", data=form, headers=PAGE)
    job_id = answer.headers["Location"].rpartition("/")[2]
    first, drawn = house.renders(job_id)
    assert first["seed_text"] == str(MAX_SEED)
    assert drawn["parameters"]["seed"] != -1
    for path in (f"/jobs/{job_id}", f"/renders/{first['id']}"):
        assert str(MAX_SEED) in visitor.get(path, headers=PAGE).get_data(as_text=True)
    again = visitor.get(f"/submit?again={first['id']}", headers=PAGE).get_data(as_text=True)
    assert re.search(rf'name="seeds" value="{MAX_SEED}"', again)


def test_the_description_of_the_api_tells_both_ways(house: House) -> None:
    schemas = house.get("/openapi.json").json["components"]["schemas"]
    kinds = schemas["JobRequest"]["properties"]["seed"]["anyOf"]
    assert {kind["type"] for kind in kinds} == {"integer", "string", "null"}
    assert kinds[0]["maximum"] == MAX_SEED
    assert schemas["Render"]["properties"]["seed_text"]["type"] == "string"
