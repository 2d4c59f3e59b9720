"""Who watches a job is told why it waits, once, instead of looking at a bar that stands still."""

from collections.abc import Iterator

import pytest

from farm.client import FarmClient, JobProgress
from farm.console.long_waits import LongWaits
from scheduler.control.pause_pool import pause_lane, resume_lane
from tests.farm.dashboards import DashboardFarm

LANE = "sana-demo@fp32"


@pytest.fixture
def client(dashboard: DashboardFarm) -> Iterator[FarmClient]:
    with FarmClient(dashboard.url, dashboard.key) as client:
        yield client


@pytest.fixture
def paused_lane(dashboard: DashboardFarm) -> Iterator[None]:
    pause_lane(dashboard.connections, LANE)
    yield
    resume_lane(dashboard.connections, LANE)


@pytest.mark.usefixtures("paused_lane")
def test_a_job_in_a_paused_lane_is_said_to_wait_for_it_once_and_a_pause_of_its_own_is_said_after_it(
    dashboard: DashboardFarm, client: FarmClient, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 0.0
    waits = LongWaits(client, clock=lambda: now)
    progress = JobProgress(client.submit("sana-demo", "a red circle"))
    for _ in range(5):
        waits.look(progress)
        now += 9.0
    [said] = capsys.readouterr().err.splitlines()
    assert progress.job.id in said
    assert "paused" in said

    client.pause(progress.job.id)
    now += 10.0
    waits.look(progress)

    assert "somebody resumes it" in capsys.readouterr().err


@pytest.mark.usefixtures("paused_lane")
def test_a_job_that_ran_meanwhile_is_told_of_anew_and_many_jobs_are_asked_for_one_by_one(
    client: FarmClient, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 0.0
    waits = LongWaits(client, clock=lambda: now)
    jobs = [client.submit("sana-demo", "a red circle") for _ in range(3)]
    said = []
    for seconds in (0.0, 10.0, 1.0, 1.0, 1.0):
        now += seconds
        for job in jobs:
            waits.look(JobProgress(job))
        said.append(len(capsys.readouterr().err.splitlines()))
    assert said == [0, 1, 1, 1, 0]

    waits.look(JobProgress(jobs[0].model_copy(update={"running": 1, "pending": 0})))
    now = 30.0
    waits.look(JobProgress(jobs[0]))
    assert "paused" in capsys.readouterr().err


def test_of_a_job_that_runs_or_has_ended_nothing_is_said(
    client: FarmClient, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 0.0
    waits = LongWaits(client, clock=lambda: now)
    job = client.submit("sana-demo", "a red circle")
    for changes in ({"running": 1, "pending": 0}, {"status": "done", "pending": 0, "done": 1}):
        for _ in range(4):
            waits.look(JobProgress(job.model_copy(update=changes)))
            now += 9.0

    assert capsys.readouterr().err == ""
