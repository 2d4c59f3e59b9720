"""Waiting for jobs and watching a farm live, while lines break and farms restart."""

import json

import pytest

from farm.client import FarmClient, FarmProblem, JobChanged, WaitTimeout
from tests.farm.scripted_farm import HANG_UP, KEY, Said, ScriptedFarm, a_job, done_job

pytestmark = pytest.mark.usefixtures("no_pauses")


def event(name: str, data: object) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()


def stream(*chunks: bytes) -> Said:
    return Said(None, content_type="text/event-stream", chunks=list(chunks))


STEP = {"job_id": "j1", "render_id": "r1", "phase": "stepping", "step": 3, "steps": 20}


def test_a_stream_that_breaks_off_is_opened_again_and_nothing_is_missed(farm: ScriptedFarm, client: FarmClient) -> None:
    # Given a stream that ends in the middle of the event which says that the job has ended
    farm.on(
        "GET /api/v1/live",
        stream(event("step", STEP), b'event: job\ndata: {"job_'),
        stream(b": keepalive\n\n", event("step", STEP)),
    )
    farm.on("GET /api/v1/jobs/j1", Said(a_job(running=1)), Said(done_job()))
    seen: list[list[int]] = []

    job = client.wait("j1", lambda progress: seen.append([step.step for step in progress.running]))

    assert job.status == "done"
    assert len(farm.requests("GET /api/v1/live")) == 2
    assert seen[:2] == [[], [3]], "the first word is of the job as it was found, then of its step"


def test_a_stream_goes_on_behind_the_last_id_and_tells_what_has_ended_meanwhile(
    farm: ScriptedFarm, client: FarmClient
) -> None:
    snapshot = event("snapshot", {"jobs": [done_job("j2")], "progress": []})
    farm.on(
        "GET /api/v1/live",
        stream(b"id: 17.5\n", snapshot, b"id: 18.250\n", event("job", a_job()), event("step", STEP)),
        stream(b": keepalive\n", event("step", STEP)),  # no id: the one of before counts
        stream(snapshot),
    )
    heard = []
    events = client.live()
    for told in events:
        heard.append(told)
        if told == JobChanged(job_id="j2", version=9):
            break
    events.close()

    assert [told.headers.get("last-event-id") for told in farm.requests("GET /api/v1/live")] == [
        None,
        "18.250",
        "18.250",
    ]
    changed = [told.job_id for told in heard if isinstance(told, JobChanged)]
    assert changed == ["j1", "j2"], "the first snapshot is no news"


def test_a_farm_that_restarts_while_one_waits_is_waited_for(farm: ScriptedFarm, client: FarmClient) -> None:
    farm.on("GET /api/v1/live", stream(), HANG_UP, Said({}, 503), stream(b": beat\n\n"))
    farm.on("GET /api/v1/jobs/j1", *[Said(a_job())] * 2, Said(done_job()))

    assert client.wait("j1").status == "done"


def test_a_job_that_changed_is_read_again_at_once(farm: ScriptedFarm, client: FarmClient) -> None:
    farm.on("GET /api/v1/live", stream(event("job", a_job(version=2)), event("job", done_job())))
    farm.on("GET /api/v1/jobs/j1", Said(a_job()), Said(a_job(version=2)), Said(done_job()))

    assert client.wait("j1").status == "done"
    assert len(farm.requests("GET /api/v1/live")) == 1


def test_the_snapshot_shows_steps_of_before(farm: ScriptedFarm, client: FarmClient) -> None:
    farm.on("GET /api/v1/live", stream(event("snapshot", {"jobs": [a_job()], "progress": [STEP]})))
    farm.on("GET /api/v1/jobs/j1", *[Said(a_job(running=1))] * 2, Said(done_job()))
    seen: list[int] = []

    client.wait("j1", lambda progress: seen.extend(step.step for step in progress.running))

    assert 3 in seen


def test_several_jobs_are_waited_for_together(farm: ScriptedFarm, client: FarmClient) -> None:
    farm.on("GET /api/v1/live", stream(event("job", {"job_id": "j2", "version": 9})))
    farm.on("GET /api/v1/jobs/j1", Said(done_job("j1")))
    farm.on("GET /api/v1/jobs/j2", Said(a_job("j2")), Said(a_job("j2", status="failed", failed=1)))

    ended = client.wait_all(["j1", "j2"])

    assert [(job.id, job.status) for job in ended] == [("j1", "done"), ("j2", "failed")]
    assert farm.requests("GET /api/v1/live")[0].query == "job=j1&job=j2"


def test_the_timeout_of_a_wait_ends_it_and_the_job_goes_on(farm: ScriptedFarm) -> None:
    farm.on("GET /api/v1/live", stream(b": beat\n\n"))
    farm.on("GET /api/v1/jobs/j1", Said(a_job()))
    ticks = iter(range(100))

    with (
        FarmClient(farm.url, KEY, clock=lambda: float(next(ticks))) as client,
        pytest.raises(WaitTimeout, match="goes on"),
    ):
        client.wait("j1", timeout=3)
    assert farm.requests("POST /api/v1/jobs/j1/cancel") == []


def test_a_job_that_is_not_there_is_no_silent_wait(client: FarmClient) -> None:
    with pytest.raises(FarmProblem, match="Not found"):
        client.wait("j1")
