"""What a user of the Python client can rely on, with a farm that misbehaves."""

from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from farm.client import FarmClient, FarmProblem, FarmUnreachable
from farm.client.connection.transport import _again
from tests.farm.scripted_farm import HANG_UP, KEY, Heard, Said, ScriptedFarm, a_job, scripted_farm

pytestmark = pytest.mark.usefixtures("no_pauses")
JOBS = "POST /api/v1/jobs"


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
