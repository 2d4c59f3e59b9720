"""What the farm page reads and does, by the API: activity, history, drain, limits of pools, projects and their use."""

from typing import Any

import pytest
from sqlalchemy import insert, select, update

from farm.accounts import create_key
from farm.database import read, write
from farm.ids import new_id
from farm.lifecycle import WorkerStatus
from farm.tables import AuditEntry, LaneSample, Pool, Usage, Worker, WorkerSample
from scheduler.autoscale.scale_limits import limited
from scheduler.maintenance import record_samples
from tests.dashboard.conftest import House
from tests.dashboard.drawing import Drawer

POOL, LANE = "sana-demo-local", "sana-demo@fp32"


def patch(house: House, path: str, body: dict[str, Any]) -> Any:
    return house.client.patch(path, headers=house.ours.headers, json=body)


def deeds(house: House, action: str) -> list[Any]:
    with read(house.connections.engine) as connection:
        return list(connection.execute(select(AuditEntry.__table__).where(AuditEntry.action == action)))


def sampled(house: House, worker_id: str, *moments: tuple[float, str, int]) -> None:
    """Samples of a worker: seconds ago, what it did, how many renders it had done by then."""
    now = house.connections.clock()
    rows = [
        {"worker_id": worker_id, "at": now - ago, "status": status, "leased": 0, "renders_done": done}
        for ago, status, done in moments
    ]
    with write(house.connections.engine) as connection:
        connection.execute(insert(WorkerSample), rows)


def test_a_workers_hour_is_told_as_spans_with_the_renders_of_each(house: House) -> None:
    worker = Drawer(house.connections, POOL)
    sampled(house, worker.id, (290, "starting", 0), (270, "idle", 0), (240, "rendering", 0), (210, "rendering", 6),
            (180, "rendering", 9), (60, "idle", 10), (30, "idle", 10))  # fmt: skip
    with write(house.connections.engine) as connection:
        connection.execute(update(Worker).values(renders_done=10, details={"memory_bytes": 5_000_000_000}))

    [told] = house.get("/api/v1/workers/activity").json["items"]

    spans = [(span["status"], span["renders"]) for span in told["spans"]]
    assert spans == [("starting", 0), ("idle", 0), ("rendering", 9), ("unknown", 1), ("idle", 0)]
    assert [one["ended_at"] for one in told["spans"][:-1]] == [one["started_at"] for one in told["spans"][1:]]
    assert told["renders_per_minute"] == pytest.approx(2.07, abs=0.05)
    assert (told["memory_bytes"], told["device_memory_bytes"], told["step"]) == (5_000_000_000, None, None)


def test_a_worker_says_how_full_its_batch_is(house: House) -> None:
    house.submit(seed_count=3)
    worker = Drawer(house.connections, POOL)
    worker.take()
    [told] = house.get("/api/v1/workers/activity").json["items"]
    entry = house.connections.catalog.pool(POOL)
    assert (told["running"], told["max_batch"], told["renders_per_minute"]) == (3, entry.max_batch, None)


def test_what_waited_in_each_lane_is_told_over_time(house: House) -> None:
    house.submit(seed_count=5)
    now = house.connections.clock()
    record_samples.one_pass(house.connections, now - 120)
    record_samples.one_pass(house.connections, now - 60)

    lanes = {lane["lane"]: lane["points"] for lane in house.get("/api/v1/lanes/history?seconds=600").json["items"]}

    assert [point["pending"] for point in lanes[LANE]] == [5, 5]
    assert lanes["wan-demo@fp32"][0]["pending"] == 0
    assert house.get("/api/v1/lanes/history?seconds=61").json["items"][0]["points"] != []
    assert house.get("/api/v1/lanes/history?seconds=1e9").status_code == 422


def test_of_a_long_time_so_many_points_are_told_as_a_chart_can_show(house: House) -> None:
    now = house.connections.clock()
    rows = [
        {"lane": LANE, "at": now - 30 * number, "pending": number, "gpu_seconds": 0.0, "oldest_wait_seconds": 0.0,
         "running": 0}
        for number in range(1, 2000)
    ]  # fmt: skip
    with write(house.connections.engine) as connection:
        connection.execute(insert(LaneSample), rows)
    [lane] = house.get("/api/v1/lanes/history?seconds=43200").json["items"]
    assert 55 <= len(lane["points"]) <= 61
    assert [point["at"] for point in lane["points"]] == sorted(point["at"] for point in lane["points"])


def test_a_drained_worker_is_asked_once_and_the_deed_is_in_the_audit_log(house: House) -> None:
    worker = Drawer(house.connections, POOL)
    for _ in range(2):
        answer = house.post(f"/api/v1/workers/{worker.id}/drain")
        assert answer.status_code == 200
        assert [item["draining"] for item in answer.json["items"]] == [True]
    assert len(deeds(house, "worker.drained")) == 1
    assert house.post(f"/api/v1/workers/{new_id()}/drain").status_code == 404
    with write(house.connections.engine) as connection:
        connection.execute(update(Worker).values(status=WorkerStatus.GONE))
    assert house.post(f"/api/v1/workers/{worker.id}/drain").status_code == 409


def test_an_operator_limits_a_pool_and_gives_it_back_to_its_catalog(house: House) -> None:
    with write(house.connections.engine) as connection:
        connection.execute(update(Pool).where(Pool.name == POOL).values(desired=1, decision="1", decided_at=1.0))
    entry = house.connections.catalog.pool(POOL).scaling
    assert entry is not None

    told = patch(house, f"/api/v1/pools/{POOL}", {"maximum": 5}).json["scaling"]
    assert (told["minimum"], told["maximum"], told["set_maximum"]) == (entry.minimum, 5, 5)
    told = patch(house, f"/api/v1/pools/{POOL}", {"minimum": 2}).json["scaling"]
    assert (told["minimum"], told["maximum"]) == (2, 5)
    told = patch(house, f"/api/v1/pools/{POOL}", {"minimum": None, "maximum": None}).json["scaling"]
    assert (told["minimum"], told["maximum"], told["set_maximum"]) == (entry.minimum, entry.maximum, None)
    assert deeds(house, "pool.scaled")[0].details == {"minimum": "catalog", "maximum": 5}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (f"/api/v1/pools/{POOL}", {"minimum": False}),
        ("/api/v1/projects/ours", {"retention_days": False}),
        ("/api/v1/projects/ours", {"max_pending": "7"}),
    ],
)
def test_a_truth_value_or_a_text_is_no_number(house: House, path: str, body: dict[str, Any]) -> None:
    assert patch(house, path, body).status_code == 422


@pytest.mark.parametrize(
    "body", [{"minimum": 3, "maximum": 2}, {"minimum": -1}, {"maximum": "many"}, {"maximum": 10**9}, {"workers": 1}]
)
def test_limits_that_cannot_be_are_refused_with_their_place(house: House, body: dict[str, Any]) -> None:
    answer = patch(house, f"/api/v1/pools/{POOL}", body)
    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"].strip("/") in body


def test_a_pool_that_nobody_knows_is_not_found(house: House) -> None:
    assert patch(house, "/api/v1/pools/nobody's", {"maximum": 1}).status_code == 404


@pytest.mark.parametrize(
    ("minimum", "maximum", "counts"),
    [(None, None, (1, 4)), (2, None, (2, 4)), (9, None, (9, 9)), (None, 0, (0, 0)), (None, 8, (1, 8)), (3, 3, (3, 3))],
)
def test_a_limit_that_crosses_the_catalogs_other_one_takes_it_along(
    house: House, minimum: int | None, maximum: int | None, counts: tuple[int, int]
) -> None:
    scaling = house.connections.catalog.pool(POOL).scaling
    assert scaling is not None
    found = limited(scaling.model_copy(update={"minimum": 1, "maximum": 4}), minimum, maximum)
    assert (found.minimum, found.maximum) == counts


def test_an_admin_sets_limits_of_a_project_and_takes_them_away(house: House) -> None:
    told = patch(house, "/api/v1/projects/theirs", {"budget": 12.5, "max_pending": 7, "weight": 2, "retention_days": 9})
    assert (told.status_code, told.json["weight"], told.json["retention_days"]) == (200, 2.0, 9.0)
    quota = house.get("/api/v1/quota?project=theirs").json
    assert (quota["budget"], quota["max_pending"], quota["max_running"]) == (12.5, 7, None)
    patch(house, "/api/v1/projects/theirs", {"budget": None})
    quota = house.get("/api/v1/quota?project=theirs").json
    assert (quota["budget"], quota["max_pending"]) == (None, 7)
    for wrong in ({"weight": None}, {"weight": 0}, {"budget": -1}, {"max_pending": 1.5}, {"name": "x"}):
        assert patch(house, "/api/v1/projects/theirs", wrong).status_code == 422, wrong
    assert patch(house, "/api/v1/projects/nobody", {"weight": 1}).status_code == 404


def test_a_project_reads_itself_and_no_other(house: House) -> None:
    answer = house.get("/api/v1/projects/theirs", house.theirs)
    assert (answer.status_code, answer.json["name"]) == (200, "theirs")
    again = house.client.get(
        "/api/v1/projects/theirs", headers=house.theirs.headers | {"If-None-Match": answer.headers["ETag"]}
    )
    assert again.status_code == 304
    for path in ("projects/ours", "quota?project=ours", "usage?project=ours"):
        assert house.get(f"/api/v1/{path}", house.theirs).status_code == 404, path
    assert house.get("/api/v1/usage/projects", house.theirs).status_code == 403


def test_an_operator_sees_what_each_project_used(house: House) -> None:
    day = int(house.connections.clock() // 86_400)
    spent = {"gpu_seconds": 60.0, "money": 1.5, "watt_hours": 2.0, "renders": 4, "pool": POOL}
    with write(house.connections.engine) as connection:
        rows = [spent | {"project_id": house.theirs.project_id, "day": day - ago} for ago in (0, 1, 40)]
        connection.execute(insert(Usage), rows)
    told = {item["project"]: item for item in house.get("/api/v1/usage/projects").json["items"]}
    assert (told["theirs"]["renders"], told["theirs"]["cost"]["money"]) == (8, 3.0)
    assert told["ours"]["renders"] == 0
    assert house.get("/api/v1/usage?project=theirs").json["renders"] == 8
    key = create_key(house.connections.engine, house.theirs.project_id, user_id=house.theirs.user_id).secret
    mine = house.client.get("/api/v1/usage", headers={"Authorization": f"Bearer {key}"}).json
    assert mine["renders"] == 8
