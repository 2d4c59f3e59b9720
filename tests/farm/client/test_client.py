"""What a user of the Python client can rely on, with a farm that misbehaves."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
import stamina

from farm.client import FarmClient, FarmProblem, FarmUnreachable, JobChanged, WaitTimeout
from farm.client.connection.transport import _again
from tests.farm.scripted_farm import (
    HANG_UP,
    KEY,
    Heard,
    Said,
    ScriptedFarm,
    a_job,
    done_job,
    scripted_farm,
)

JOBS = "POST /api/v1/jobs"


@pytest.fixture(autouse=True)
def no_pauses() -> Iterator[None]:
    """Tries follow each other at once, five at most."""
    with stamina.set_testing(True, attempts=5):
        yield


@pytest.fixture
def farm() -> Iterator[ScriptedFarm]:
    with scripted_farm() as farm:
        yield farm


@pytest.fixture
def client(farm: ScriptedFarm) -> Iterator[FarmClient]:
    with FarmClient(farm.url, KEY, timeout=10) as client:
        yield client


class TestSubmitting:
    def test_one_job_however_often_the_line_breaks_after_it_was_accepted(
        self, farm: ScriptedFarm, client: FarmClient
    ) -> None:
        # Given a farm that accepts a job and hangs up before it says so, twice
        jobs: dict[str, dict[str, object]] = {}

        def accept(heard: Heard) -> None:
            key = heard.headers["idempotency-key"]
            jobs.setdefault(key, a_job(f"j{len(jobs) + 1}"))

        def accept_and_hang_up(heard: Heard) -> str:
            accept(heard)
            return HANG_UP

        def accept_and_answer(heard: Heard) -> Said:
            accept(heard)
            return Said({"job": jobs[heard.headers["idempotency-key"]], "notices": ["cropped"]}, 200)

        farm.on(JOBS, accept_and_hang_up, accept_and_hang_up, accept_and_answer)

        job = client.submit("sana-demo", "a red circle")

        assert len(farm.requests(JOBS)) == 3
        assert (job.id, job.notices) == ("j1", ["cropped"])
        assert len(jobs) == 1

    def test_two_submissions_are_two_jobs(self, farm: ScriptedFarm, client: FarmClient) -> None:
        farm.on(JOBS, Said({"job": a_job(), "notices": []}, 201))

        client.submit("sana-demo", "a red circle")
        client.submit("sana-demo", "a red circle")

        assert len({heard.headers["idempotency-key"] for heard in farm.heard}) == 2

    def test_only_what_was_asked_is_sent_and_the_farm_fills_in_the_rest(
        self, farm: ScriptedFarm, client: FarmClient
    ) -> None:
        farm.on(JOBS, Said({"job": a_job(), "notices": []}, 201))

        client.submit("wan-demo", ["一", "two"], seeds=[1, 2], class_name="bulk", flow_shift=3.0)

        assert farm.heard[0].body == {
            "model": "wan-demo",
            "prompt": ["一", "two"],
            "seeds": [1, 2],
            "class": "bulk",
            "flow_shift": 3.0,
        }

    def test_a_refusal_lists_every_fault_with_its_place(self, farm: ScriptedFarm, client: FarmClient) -> None:
        document = {
            "type": "/problems/invalid-request",
            "title": "Invalid request",
            "status": 422,
            "detail": "Two things are wrong.",
            "errors": [
                {"pointer": "/width", "detail": "must divide by 32; seen 100, use 96 or 128"},
                {"pointer": "/seed", "detail": "must not be negative"},
            ],
        }
        farm.on(JOBS, Said(document, 422, content_type="application/problem+json"))

        with pytest.raises(FarmProblem) as refused:
            client.submit("sana-demo", "a red circle", width=100, seed=-1)

        problem = refused.value
        assert len(farm.heard) == 1, "a refusal is not tried again"
        assert (problem.type, problem.status, problem.title) == ("invalid-request", 422, "Invalid request")
        assert [fault.field for fault in problem.errors] == ["/width", "/seed"]
        assert str(problem).splitlines() == [
            "Invalid request: Two things are wrong.",
            "  /width: must divide by 32; seen 100, use 96 or 128",
            "  /seed: must not be negative",
        ]


class TestTryingAgain:
    @pytest.mark.parametrize("status", [429, 502, 503, 504])
    def test_a_farm_that_is_busy_is_asked_again(self, farm: ScriptedFarm, client: FarmClient, status: int) -> None:
        farm.on("GET /api/v1/jobs/j1", Said({}, status), Said({}, status), Said(a_job()))

        assert client.job("j1").id == "j1"
        assert len(farm.heard) == 3

    def test_the_farm_says_how_long_to_wait(self) -> None:
        busy = FarmProblem("busy", status=503, retry_after=7.0)

        assert _again(busy, repeatable=True) == 7.0
        assert _again(FarmProblem("busy", status=503, retry_after=9999.0), repeatable=True) == 60.0

    def test_cancelling_is_tried_again_because_twice_is_the_same_as_once(
        self, farm: ScriptedFarm, client: FarmClient
    ) -> None:
        farm.on("POST /api/v1/jobs/j1/cancel", HANG_UP, Said(a_job(status="cancelled")))

        assert client.cancel("j1").status == "cancelled"

    def test_a_retry_whose_answer_was_lost_is_not_sent_twice(self, farm: ScriptedFarm, client: FarmClient) -> None:
        farm.on("POST /api/v1/renders/r1/retry", HANG_UP)

        with pytest.raises(FarmUnreachable, match="does not answer"):
            client.retry("r1")
        assert len(farm.heard) == 1

    def test_who_gives_up_a_submission_that_went_out_is_told_that_the_job_may_be_there(
        self, farm: ScriptedFarm, client: FarmClient
    ) -> None:
        farm.on(JOBS, HANG_UP)

        with pytest.raises(FarmUnreachable, match=r"the job may be there .* idempotency_key \('mine'\)"):
            client.submit("sana-demo", "a red circle", idempotency_key="mine")
        assert len(farm.requests(JOBS)) == 5

    def test_of_a_submission_that_never_went_out_nothing_of_it_is_said(self) -> None:
        with scripted_farm() as gone:
            url = gone.url
        with FarmClient(url, KEY) as client, pytest.raises(FarmUnreachable) as unreachable:
            client.submit("sana-demo", "a red circle")
        assert "may be there" not in str(unreachable.value)

    def test_a_farm_that_is_not_there_is_named(self) -> None:
        with scripted_farm() as gone:
            url = gone.url
        with FarmClient(url, KEY) as client, pytest.raises(FarmUnreachable) as unreachable:
            client.job("j1")
        assert url in str(unreachable.value)
        assert KEY not in str(unreachable.value)


class TestReading:
    def test_lists_go_on_over_pages(self, farm: ScriptedFarm, client: FarmClient) -> None:
        farm.on(
            "GET /api/v1/jobs",
            Said({"items": [a_job("j3"), a_job("j2")], "next_cursor": "c1"}),
            Said({"items": [a_job("j1")], "next_cursor": None}),
        )

        assert [job.id for job in client.jobs(status="open")] == ["j3", "j2", "j1"]
        assert "cursor=c1" in farm.heard[1].query
        assert all("status=open" in heard.query for heard in farm.heard)

    def test_no_more_is_asked_for_than_wished(self, farm: ScriptedFarm, client: FarmClient) -> None:
        farm.on("GET /api/v1/jobs", Said({"items": [a_job("j3"), a_job("j2")], "next_cursor": "c1"}))

        assert len(list(client.jobs(limit=2))) == 2
        assert [heard.query for heard in farm.heard] == ["limit=2"]

    def test_a_newer_farm_may_say_more(self, farm: ScriptedFarm, client: FarmClient) -> None:
        farm.on("GET /api/v1/jobs/j1", Said(a_job(status="dreaming", mood="good")))

        job = client.job("j1")

        assert (job.status, job.class_name) == ("dreaming", "normal")
        assert job.created_at == datetime(2026, 11, 23, 15, 0, 0, 123000, tzinfo=UTC)

    def test_an_answer_that_lacks_the_essentials_is_refused_in_words(
        self, farm: ScriptedFarm, client: FarmClient
    ) -> None:
        farm.on("GET /api/v1/jobs/j1", Said({"id": "j1"}))

        with pytest.raises(FarmProblem, match=r"model, status, total"):
            client.job("j1")

    @pytest.mark.parametrize("route", ["GET /api/v1/jobs/j1", "GET /api/v1/workers"])
    def test_a_web_page_is_not_taken_for_a_farm(self, farm: ScriptedFarm, client: FarmClient, route: str) -> None:
        farm.on(route, Said(None, chunks=[b"<html>router</html>"], content_type="text/html"))

        with pytest.raises(FarmProblem, match="FARM_URL"):
            client.job("j1") if "jobs" in route else client.workers()

    def test_an_id_with_slashes_stays_one_id(self, farm: ScriptedFarm, client: FarmClient) -> None:
        with pytest.raises(FarmProblem):
            client.job("../workers?x=1")
        assert farm.heard[0].path.startswith("/api/v1/jobs/")
        assert (farm.heard[0].path.count("/"), farm.heard[0].query) == (4, "")


def event(name: str, data: object) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()


def stream(*chunks: bytes) -> Said:
    return Said(None, content_type="text/event-stream", chunks=list(chunks))


STEP = {"job_id": "j1", "render_id": "r1", "phase": "stepping", "step": 3, "steps": 20}


class TestWaiting:
    def test_a_stream_that_breaks_off_is_opened_again_and_nothing_is_missed(
        self, farm: ScriptedFarm, client: FarmClient
    ) -> None:
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
        self, farm: ScriptedFarm, client: FarmClient
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

    def test_a_farm_that_restarts_while_one_waits_is_waited_for(self, farm: ScriptedFarm, client: FarmClient) -> None:
        farm.on("GET /api/v1/live", stream(), HANG_UP, Said({}, 503), stream(b": beat\n\n"))
        farm.on("GET /api/v1/jobs/j1", *[Said(a_job())] * 2, Said(done_job()))

        assert client.wait("j1").status == "done"

    def test_a_job_that_changed_is_read_again_at_once(self, farm: ScriptedFarm, client: FarmClient) -> None:
        farm.on("GET /api/v1/live", stream(event("job", a_job(version=2)), event("job", done_job())))
        farm.on("GET /api/v1/jobs/j1", Said(a_job()), Said(a_job(version=2)), Said(done_job()))

        assert client.wait("j1").status == "done"
        assert len(farm.requests("GET /api/v1/live")) == 1

    def test_the_snapshot_shows_steps_of_before(self, farm: ScriptedFarm, client: FarmClient) -> None:
        farm.on("GET /api/v1/live", stream(event("snapshot", {"jobs": [a_job()], "progress": [STEP]})))
        farm.on("GET /api/v1/jobs/j1", *[Said(a_job(running=1))] * 2, Said(done_job()))
        seen: list[int] = []

        client.wait("j1", lambda progress: seen.extend(step.step for step in progress.running))

        assert 3 in seen

    def test_several_jobs_are_waited_for_together(self, farm: ScriptedFarm, client: FarmClient) -> None:
        farm.on("GET /api/v1/live", stream(event("job", {"job_id": "j2", "version": 9})))
        farm.on("GET /api/v1/jobs/j1", Said(done_job("j1")))
        farm.on("GET /api/v1/jobs/j2", Said(a_job("j2")), Said(a_job("j2", status="failed", failed=1)))

        ended = client.wait_all(["j1", "j2"])

        assert [(job.id, job.status) for job in ended] == [("j1", "done"), ("j2", "failed")]
        assert farm.requests("GET /api/v1/live")[0].query == "job=j1&job=j2"

    def test_the_timeout_of_a_wait_ends_it_and_the_job_goes_on(self, farm: ScriptedFarm) -> None:
        farm.on("GET /api/v1/live", stream(b": beat\n\n"))
        farm.on("GET /api/v1/jobs/j1", Said(a_job()))
        ticks = iter(range(100))

        with (
            FarmClient(farm.url, KEY, clock=lambda: float(next(ticks))) as client,
            pytest.raises(WaitTimeout, match="goes on"),
        ):
            client.wait("j1", timeout=3)
        assert farm.requests("POST /api/v1/jobs/j1/cancel") == []

    def test_a_job_that_is_not_there_is_no_silent_wait(self, client: FarmClient) -> None:
        with pytest.raises(FarmProblem, match="Not found"):
            client.wait("j1")


def test_the_key_is_in_no_text_of_the_client(farm: ScriptedFarm, client: FarmClient) -> None:
    from farm.client.connection.address import find_address

    assert KEY not in repr(find_address(farm.url, KEY)) + repr(client) + repr(vars(client))


def test_proxies_of_the_environment_are_not_used_for_this_machine(
    farm: ScriptedFarm, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    farm.on("GET /api/v1/jobs/j1", Said(a_job()))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)

    with FarmClient(farm.url, KEY) as client:
        assert client.job("j1").id == "j1"
    with httpx.Client() as other, pytest.raises(httpx.ConnectError):
        other.get(farm.url)
