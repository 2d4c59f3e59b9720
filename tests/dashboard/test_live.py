"""Live streams: a snapshot, then what changes, for those it concerns; with Redis and without."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from dashboard import live_updates as events
from dashboard.live_updates import PUMP, Pump, Subscription, Update
from dashboard.schemas import LiveStep
from farm.progress import JobChanged, Preview, StepProgress
from scheduler.control.cancel import cancel_job
from tests.dashboard.conftest import House, Tenant
from tests.waiting import eventually


@contextmanager
def stream(house: House, path: str = "/api/v1/live", who: Tenant | None = None) -> Iterator[Iterator[tuple[str, Any]]]:
    """An open stream: its events as (name, data), comments as ('', text)."""
    answer = house.client.get(path, headers=(who or house.ours).headers, buffered=False)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    assert answer.mimetype == "text/event-stream"
    try:
        yield _events(answer.iter_encoded())
    finally:
        answer.close()


def _events(chunks: Iterator[bytes]) -> Iterator[tuple[str, Any]]:
    for chunk in chunks:
        for block in chunk.decode().split("\n\n"):
            fields = dict(line.split(": ", 1) for line in block.splitlines() if line)
            if "event" in fields:
                yield fields["event"], json.loads(fields["data"])


def _step(house: House, job_id: str, render_id: str, step: int, who: Tenant | None = None) -> StepProgress:
    project_id = (who or house.ours).project_id
    return StepProgress(
        job_id=job_id, project_id=project_id, render_id=render_id, phase="stepping", step=step, steps=20
    )


def _listening(house: House) -> None:
    """Wait until the pump hears what is published: it answers to a first step."""
    pump: Pump = house.app.extensions[PUMP]
    with pump.subscribe("nobody", frozenset()) as probe:
        step = StepProgress(job_id="j", project_id="nobody", render_id="r", phase="stepping", step=1, steps=2)

        def heard() -> bool:
            house.connections.progress.report([step])
            return probe.next(0.2) is not None

        eventually(heard)


def test_a_stream_begins_with_how_things_are(house: House) -> None:
    job = house.submit(seed_count=2)
    house.submit(house.theirs)
    with stream(house) as heard:
        name, snapshot = next(heard)
    assert name == "snapshot"
    assert snapshot == {"jobs": [job], "progress": []}


def test_steps_and_changed_jobs_are_told_as_they_happen(live_house: House) -> None:
    house = live_house
    job = house.submit()
    render = house.renders(job["id"])[0]
    with stream(house, f"/api/v1/live?job={job['id']}") as heard:
        assert next(heard)[0] == "snapshot"
        _listening(house)
        house.connections.progress.report([_step(house, job["id"], render["id"], 7)])
        assert next(heard) == (
            "step",
            {"job_id": job["id"], "render_id": render["id"], "phase": "stepping", "step": 7, "steps": 20},
        )
        cancel_job(house.connections, job["id"], house.ours.project_id)
        name, told = next(heard)
    assert (name, told["id"], told["status"]) == ("job", job["id"], "cancelled")
    assert told["version"] > job["version"]


def test_without_redis_changed_jobs_are_told_all_the_same(house: House) -> None:
    job = house.submit()
    with stream(house, f"/api/v1/live?job={job['id']}") as heard:
        next(heard)
        cancel_job(house.connections, job["id"], house.ours.project_id)
        name, told = next(heard)
    assert (name, told["status"]) == ("job", "cancelled")


def test_a_stream_of_the_project_tells_of_jobs_that_are_submitted_later(house: House) -> None:
    with stream(house) as heard:
        next(heard)
        job = house.submit()
        assert next(heard) == ("job", job)


def test_a_stream_tells_nothing_of_other_projects_and_other_jobs(live_house: House) -> None:
    house = live_house
    theirs, other, mine = house.submit(house.theirs), house.submit(), house.submit()
    with stream(house, f"/api/v1/live?job={mine['id']}") as heard:
        next(heard)
        _listening(house)
        render_id = house.renders(mine["id"])[0]["id"]
        house.connections.progress.report(
            [
                _step(house, theirs["id"], "theirs", 1, house.theirs),
                # A message that lies about its job reaches at most its own project.
                _step(house, mine["id"], "theirs", 1, house.theirs),
                _step(house, other["id"], "other", 1),
                _step(house, mine["id"], render_id, 2),
            ]
        )
        _, told = next(heard)
    assert told["render_id"] == render_id


def test_a_job_that_does_not_exist_is_a_404_and_not_a_silent_stream(house: House) -> None:
    assert house.get("/api/v1/live?job=01a20936-152b-75ce-80a1-dcf6f4b2b4a5").status_code == 404
    assert house.get("/api/v1/live?job=x").status_code == 404


def test_a_quiet_stream_gives_signs_of_life(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboard.api.get_live.KEEPALIVE_SECONDS", 0.01)
    answer = house.client.get("/api/v1/live", headers=house.ours.headers, buffered=False)
    chunks = answer.iter_encoded()
    told = [next(chunks) for _ in range(4)]
    answer.close()
    assert [chunk[:6] for chunk in told] == [b"retry:", b"event:", b": keep", b": keep"]
    *blocks, _ = b"".join(told).split(b"\n\n")
    assert all(b"\ndata: {" in block for block in blocks), "readers such as httpx-sse take every block for an event"


def test_there_are_no_more_streams_than_the_server_can_bear(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "MAX_STREAMS", 1)
    with stream(house) as heard:
        next(heard)
        refused = house.get("/api/v1/live")
        assert refused.status_code == 503
        assert refused.headers["Retry-After"]
    with stream(house) as heard:
        assert next(heard)[0] == "snapshot"


def test_a_page_that_is_too_slow_starts_again_from_a_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Subscription("project", frozenset())
    step = LiveStep(job_id="j", render_id="r", phase="stepping", step=1, steps=2)
    assert not slow.start_again()
    for _ in range(events.QUEUE + 1):
        slow.push(Update("j", step))
    assert slow.start_again()
    assert slow.next(0.0) is None
    assert not slow.start_again()


def test_versions_only_go_forward() -> None:
    page = Subscription("project", frozenset({"a"}))
    page.saw("a", 3)
    assert not page.lacks("a", 3)
    assert page.lacks("a", 4)
    assert not page.lacks("b", 9)


def test_a_message_of_no_sense_does_not_end_the_pump(live_house: House) -> None:
    house = live_house
    job = house.submit()
    with stream(house, f"/api/v1/live?job={job['id']}") as heard:
        next(heard)
        _listening(house)
        progress = house.connections.progress
        progress.announce(JobChanged(job_id="no-id", project_id=house.ours.project_id, version=99))
        progress.announce(JobChanged(job_id=job["id"], project_id=house.ours.project_id, version=job["version"]))
        cancel_job(house.connections, job["id"], house.ours.project_id)
        assert next(heard)[1]["status"] == "cancelled"
    assert {thread.name for thread in threading.enumerate()} >= {"live_listen", "live_poll"}


def test_a_new_preview_is_told_and_read_only_by_its_own_project(live_house: House) -> None:
    house = live_house
    job = house.submit()
    render_id = house.renders(job["id"])[0]["id"]
    address = f"/api/v1/renders/{render_id}/preview"
    assert house.client.get(address, headers=house.ours.headers).status_code == 404, "there is none yet"
    with stream(house) as heard:
        assert next(heard)[0] == "snapshot"
        _listening(house)
        preview = Preview(job_id=job["id"], project_id=house.ours.project_id, render_id=render_id, step=7)
        house.connections.progress.show(preview, b"RIFF\xff\x00WEBP")
        told = next(event for event in heard if event[0] == "preview")
    assert told == ("preview", {"job_id": job["id"], "render_id": render_id, "step": 7})

    answer = house.client.get(address, headers=house.ours.headers)
    assert (answer.data, answer.mimetype) == (b"RIFF\xff\x00WEBP", "image/webp")
    assert answer.headers["Cache-Control"] == "no-store"
    assert house.client.get(address, headers=house.theirs.headers).status_code == 404

    house.connections.progress.clear(job["id"], [render_id])
    assert house.connections.progress.flush()  # it is told beside
    assert house.client.get(address, headers=house.ours.headers).status_code == 404, "it has ended"


def test_who_comes_back_with_the_last_id_finds_what_has_ended_meanwhile(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, long_ago = house.submit(), house.submit()
    theirs = house.submit(house.theirs)
    cancel_job(house.connections, long_ago["id"])
    answer = house.client.get("/api/v1/live", headers=house.ours.headers, buffered=False)
    [last_id] = re.findall(r"^id: (.*)$", "".join(chunk.decode() for chunk in islice(answer.iter_encoded(), 2)), re.M)
    answer.close()
    cancel_job(house.connections, gone["id"])
    cancel_job(house.connections, theirs["id"])
    monkeypatch.setattr("dashboard.api.get_live.UNTOLD_SECONDS", 0.0)

    def first(last_id: str | None) -> set[str]:
        headers = house.ours.headers | ({"Last-Event-ID": last_id} if last_id is not None else {})
        again = house.client.get("/api/v1/live", headers=headers, buffered=False)
        _, snapshot = next(_events(again.iter_encoded()))
        again.close()
        assert all(job["user"] == house.ours.user_name for job in snapshot["jobs"])
        found = [job["id"] for job in snapshot["jobs"]]
        assert len(found) == len(set(found))
        return set(found)

    assert first(last_id) == {gone["id"]}
    assert first("0") == {gone["id"], long_ago["id"]}
    for foreign in (None, "", "nan", "inf", "-1", "1e400", "a1", "9" * 400):
        assert first(foreign) == set(), foreign


def test_what_has_ended_is_told_once_and_as_the_api_has_it(house: House) -> None:
    path = house.submit()["links"]["self"]
    house.post(f"{path}/cancel")
    again = house.client.get("/api/v1/live", headers=house.ours.headers | {"Last-Event-ID": "0"}, buffered=False)
    _, snapshot = next(_events(again.iter_encoded()))
    again.close()
    assert snapshot["jobs"] == [house.get(path).json], "of whoever submitted it, among several users of the farm"


def test_every_event_is_as_the_openapi_document_describes_it(live_house: House) -> None:
    house = live_house
    document = house.client.get("/openapi.json").json
    content = document["paths"]["/api/v1/live"]["get"]["responses"]["200"]["content"]["text/event-stream"]
    job = house.submit()
    render_id = house.renders(job["id"])[0]["id"]
    left = set(content["x-events"])
    with stream(house) as heard:
        told = [next(heard)]
        _listening(house)
        house.connections.progress.report([_step(house, job["id"], render_id, 7)])
        preview = Preview(job_id=job["id"], project_id=house.ours.project_id, render_id=render_id, step=7)
        house.connections.progress.show(preview, b"RIFF\xff\x00WEBP")
        cancel_job(house.connections, job["id"])
        while left:
            name, data = told.pop() if told else next(heard)
            schema = {**content["x-events"][name], "components": document["components"]}
            Draft202012Validator(schema).validate(data)
            left.discard(name)
