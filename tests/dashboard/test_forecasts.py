"""What people read about the price of their work, when it is done, and why it waits."""

from sqlalchemy import insert, update

from farm.database import write
from farm.ids import new_id
from farm.tables import Charge, Job, Pool, Render, Usage, Worker
from scheduler.accounting.usage import day_of
from tests.dashboard.conftest import House

POOL = "sana-demo-local"


def with_worker(house: House) -> None:
    now = house.connections.clock()
    row = {"id": new_id(), "pool": POOL, "status": "idle", "started_at": now, "heartbeat_at": now, "host": "here"}
    rest = {"pid": 1, "device": "cpu", "model": "sana-demo", "details": {}}
    with write(house.connections.engine) as connection:
        connection.execute(insert(Worker).values(row | rest))


def with_prices(house: House) -> None:
    with write(house.connections.engine) as connection:
        connection.execute(update(Pool).values(price_per_hour=3.6, watts=360.0))


def test_a_job_says_why_it_waits_and_when_it_is_done(house: House) -> None:
    job = house.submit(seed_count=3)
    told = house.get(f"/api/v1/jobs/{job['id']}/why").json
    assert (told["kind"], told["forecast"]) == ("no_worker", None)

    with_worker(house)
    told = house.get(f"/api/v1/jobs/{job['id']}/why").json
    assert (told["kind"], told["before"], told["status"]) == ("next", 0, "open")
    assert told["forecast"]["starts_in"]["likely"] == 0
    job = house.get(f"/api/v1/jobs/{job['id']}").json
    assert job["forecast"]["done_in"]["low"] <= job["forecast"]["done_in"]["likely"]
    page = house.get(f"/jobs/{job['id']}").get_data(as_text=True)
    assert "A worker is free: it starts in a moment." in page
    assert "Done in" in page


def test_a_render_says_the_same_of_itself(house: House) -> None:
    with_worker(house)
    job = house.submit(seed_count=3)
    last = house.renders(job["id"])[2]

    assert house.get(f"/api/v1/renders/{last['id']}/why").json["before"] == 2
    assert house.get(f"/api/v1/renders/{last['id']}").json["forecast"]["done_in"]["high"] > 0
    assert "About 2 other renders" in house.get(f"/renders/{last['id']}").get_data(as_text=True)


def test_an_unknown_render_or_job_has_no_reason(house: House) -> None:
    assert house.get(f"/api/v1/renders/{new_id()}/why").status_code == 404
    assert house.get("/api/v1/jobs/nonsense/why").status_code == 404


def test_a_price_is_told_before_and_after(house: House) -> None:
    with_prices(house)
    job = house.submit(seed_count=2)
    assert job["expected"]["money"] > 0
    assert job["spent"] == {"gpu_seconds": 0.0, "money": 0.0, "currency": "EUR", "watt_hours": 0.0}
    figures = {"gpu_seconds": 10.0, "money": 0.01, "watt_hours": 1.0}
    with write(house.connections.engine) as connection:
        connection.execute(update(Job).values(figures))
        connection.execute(update(Render).values(figures))

    job = house.get(f"/api/v1/jobs/{job['id']}").json
    assert job["spent"] == figures | {"currency": "EUR"}
    assert house.renders(job["id"])[0]["spent"] == figures | {"currency": "EUR"}
    assert "0.01 EUR, 1 Wh" in house.get(f"/jobs/{job['id']}").get_data(as_text=True)


def test_usage_is_listed_by_day_and_pool_with_what_was_charged_a_moment_ago(house: House) -> None:
    with_prices(house)
    house.submit()
    house.submit(house.theirs)
    now = house.connections.clock()
    with write(house.connections.engine) as connection:
        job = connection.execute(Job.__table__.select().where(Job.project_id == house.ours.project_id)).one()
        used = {"project_id": job.project_id, "pool": POOL, "money": 2.0, "watt_hours": 200.0, "renders": 4}
        connection.execute(
            insert(Usage),
            [used | {"day": day, "gpu_seconds": 2000.0} for day in (day_of(now), day_of(now) - 1, day_of(now) - 40)],
        )
        charge = {"lane": job.lane, "class_name": "normal", "flow_id": job.flow_id, "gpu_seconds": 0.0, "at": now}
        connection.execute(insert(Charge).values(charge | {"pool": POOL, "spent": 1000.0, "renders": 1}))

    told = house.get("/api/v1/usage").json
    assert [(item["pool"], item["renders"], item["cost"]["gpu_seconds"]) for item in told["items"]] == [
        (POOL, 5, 3000.0),
        (POOL, 4, 2000.0),
    ]
    assert told["total"] == {"gpu_seconds": 5000.0, "money": 5.0, "currency": "EUR", "watt_hours": 500.0}
    assert told["renders"] == 9
    assert house.get("/api/v1/usage", house.theirs).json["items"] == []
    assert house.get("/api/v1/usage?days=0").status_code == 422
