"""A submission that waits for its job."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from dashboard.api.prefer_wait import LONGEST_SECONDS, MOST_RENDERS, wait_seconds
from tests.dashboard.conftest import House
from tests.dashboard.drawing import Drawer
from tests.dashboard.serving import served
from tests.waiting import eventually

REQUEST = {"model": "sana-demo", "prompt": "a red circle"}


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("respond-async", None),
        ("wait=5", 5),
        ("respond-async, WAIT = 10", 10),
        ('wait="7"', 7),
        ("wait=5; foo=bar, wait=9", 5),
        ("wait=999999", LONGEST_SECONDS),
        ("wait=-1", None),
        ("wait=1.5", None),
        ("wait=9999999999", None),
        ("waiting=5", None),
    ],
)
def test_what_cannot_be_read_is_passed_over(header: str | None, seconds: int | None) -> None:
    assert wait_seconds(header) == seconds


def test_a_small_job_is_answered_with_its_renders(live_house: House) -> None:
    drawer, stop = Drawer(live_house.connections, "sana-demo-local"), threading.Event()

    def draw() -> None:
        while not stop.wait(0.05):
            drawer.draw_everything()

    worker = threading.Thread(target=draw)
    worker.start()
    try:
        headers = {"Prefer": "wait=40", "Idempotency-Key": "once"}
        answers = [live_house.post("/api/v1/jobs", json=REQUEST | {"seeds": [1, 2]}, headers=headers) for _ in "12"]
    finally:
        stop.set()
        worker.join()
    for answer, status in zip(answers, (201, 200), strict=True):
        assert (answer.status_code, answer.headers["Preference-Applied"]) == (status, "wait=40")
        assert answer.json["job"]["status"] == "done"
        assert [render["parameters"]["seed"] for render in answer.json["renders"]] == [1, 2]
        [output] = [file for file in answer.json["renders"][0]["artifacts"] if file["kind"] == "output"]
        assert httpx.get(output["url"]).status_code == 200


def test_who_has_waited_long_enough_gets_the_job_as_it_is(house: House) -> None:
    answer = house.post("/api/v1/jobs", json=REQUEST, headers={"Prefer": "wait=0"})
    assert (answer.status_code, answer.headers["Preference-Applied"]) == (201, "wait=0")
    assert (answer.json["job"]["status"], answer.json["renders"]) == ("open", None)


def test_a_large_job_is_not_waited_for(house: House) -> None:
    asked = REQUEST | {"seed_count": MOST_RENDERS + 1}
    answer = house.post("/api/v1/jobs", json=asked, headers={"Prefer": "wait=40"})
    assert answer.status_code == 201
    assert "Preference-Applied" not in answer.headers


def test_the_server_answers_others_while_some_wait(house: House, tmp_path: Path) -> None:
    headers = house.ours.headers | {"Prefer": "wait=50"}
    with (
        served(house, tmp_path / "dashboard.log") as (url, _),
        httpx.Client(base_url=url, headers=house.ours.headers, timeout=100) as client,
        ThreadPoolExecutor(6) as threads,
    ):

        def post() -> httpx.Response:
            while (answer := client.post("/api/v1/jobs", json=REQUEST, headers=headers)).status_code == 503:
                pass  # a busy database says: come again
            return answer

        waiting = [threads.submit(post) for _ in range(6)]
        jobs = eventually(lambda: len(found := client.get("/api/v1/jobs").json()["items"]) == 6 and found)
        assert not any(one.done() for one in waiting)
        for job in jobs:
            client.post(f"{job['links']['self']}/cancel")
        answers = [one.result() for one in waiting]
    assert {answer.json()["job"]["status"] for answer in answers} == {"cancelled"}
    assert {answer.json()["renders"][0]["status"] for answer in answers} == {"cancelled"}
