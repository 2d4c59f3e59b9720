"""What people read when the object storage takes nothing, and when a machine's clock is off."""

from sqlalchemy import update

from farm.database import write
from farm.tables import Worker
from tests.dashboard.conftest import House
from tests.dashboard.test_forecasts import with_worker

TROUBLE = "refuses to store files: NoSuchBucket"


def say_of_workers(house: House, **columns: object) -> None:
    with write(house.connections.engine) as connection:
        connection.execute(update(Worker).values(**columns))


def test_job_page_render_page_and_api_say_that_nothing_can_be_stored_and_promise_no_end(house: House) -> None:
    with_worker(house)
    job = house.submit(seed_count=1)
    render = house.renders(job["id"])[0]
    since = house.connections.clock() - 60
    say_of_workers(house, storage_away_since=since, storage_trouble=TROUBLE)

    told = house.get(f"/api/v1/jobs/{job['id']}/why").json
    assert (told["kind"], told["forecast"]) == ("storage", None)
    assert told["facts"]["since"].endswith("Z")
    for page in (f"/jobs/{job['id']}", f"/renders/{render['id']}"):
        text = house.get(page).get_data(as_text=True)
        assert TROUBLE in text
        assert "Done in" not in text
    assert TROUBLE in house.get("/workers").get_data(as_text=True)
    [worker] = house.get("/api/v1/workers").json["items"]
    assert (worker["storage_trouble"], worker["storage_away_since"][-1]) == (TROUBLE, "Z")


def test_whose_clock_is_off_stands_on_the_workers_page_and_in_the_api(house: House) -> None:
    with_worker(house)
    say_of_workers(house, clock_skew=0.4)
    assert "clock is" not in house.get("/workers").get_data(as_text=True)

    say_of_workers(house, clock_skew=-3600.0)

    assert "clock is 60 min behind" in house.get("/workers").get_data(as_text=True)
    assert house.get("/api/v1/workers").json["items"][0]["clock_skew"] == -3600.0


def test_pages_and_answers_carry_the_farms_time_for_the_age_of_things(house: House) -> None:
    answer = house.get("/workers")

    assert abs(float(answer.headers["Farm-Time"]) - house.connections.clock()) < 3600
    assert 'data-now="' in answer.get_data(as_text=True)


def test_who_is_not_signed_in_waits_for_no_database_to_tell_the_time(house: House) -> None:
    answer = house.app.test_client().get("/healthz")

    assert answer.status_code == 200
    assert "Farm-Time" not in answer.headers
