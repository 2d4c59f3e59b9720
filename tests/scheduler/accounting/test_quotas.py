"""Quotas: what a project may have waiting, running, rendered in a day and spend; who asks for more is told when."""

from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import insert, select, update

from farm.connections import Connections
from farm.database import read, write
from farm.errors import FarmError
from farm.lifecycle import Outcome
from farm.problems import problem
from farm.quota_errors import BudgetSpent, QuotaExceeded
from farm.tables import Charge, Flow, Job, Pool, Project, Usage
from scheduler.accounting import quotas, usage
from tests.scheduler.conftest import START
from tests.scheduler.jobs import LANE, POOL, claim_some, job_row, settle_as, submit_job


def limit(connections: Connections, project: str, **limits: float | None) -> None:
    with write(connections.engine) as connection:
        connection.execute(update(Project).where(Project.id == project).values(**limits))


def refused(connections: Connections, project: str, renders: int = 1, gpu_seconds: float = 0.0) -> FarmError | None:
    """What admission would hear."""
    with write(connections.engine) as connection:
        try:
            quotas.check_admission(
                connection, project, renders=renders, gpu_seconds=gpu_seconds, now=connections.clock(), lane=LANE
            )
        except (QuotaExceeded, BudgetSpent) as error:
            return error
    return None


def estimated(connections: Connections, job: str, gpu_seconds: float) -> None:
    with write(connections.engine) as connection:
        connection.execute(update(Job).where(Job.id == job).values(estimate=gpu_seconds))


def spend(connections: Connections, project: str, gpu_seconds: float, *, at: float, folded: bool) -> None:
    """The traces of settled renders, before and after they were folded."""
    with write(connections.engine) as connection:
        if folded:
            row = {"project_id": project, "day": usage.day_of(at), "pool": POOL, "renders": 1}
            money = gpu_seconds / 3600 * 2.0
            connection.execute(insert(Usage).values(gpu_seconds=gpu_seconds, money=money, watt_hours=0.0, **row))
            return
        flow = connection.scalars(select(Flow.id).where(Flow.project_id == project)).first()
        row = {"lane": LANE, "class_name": "normal", "flow_id": flow, "gpu_seconds": 0.0}
        connection.execute(insert(Charge).values(pool=POOL, spent=gpu_seconds, renders=1, at=at, **row))


class TestPending:
    def test_a_project_without_limits_is_never_refused(self, connections: Connections, project: str) -> None:
        assert refused(connections, project, renders=1_000_000, gpu_seconds=1e9) is None

    def test_waiting_renders_count_and_running_and_ended_ones_do_not(
        self, connections: Connections, project: str
    ) -> None:
        limit(connections, project, max_pending=10)
        submit_job(connections, project, 8)
        assert isinstance(refused(connections, project, 3), QuotaExceeded)
        held = claim_some(connections, 2)
        assert refused(connections, project, 4) is None
        settle_as(connections, held, Outcome.DONE)

        error = refused(connections, project, 5)

        assert isinstance(error, QuotaExceeded)
        document = problem(error, "/api/v1/jobs")
        told = {name: document[name] for name in ("status", "quota", "limit", "used", "asked", "frees_at")}
        assert told == {
            "status": 429,
            "quota": "max_pending",
            "limit": 10,
            "used": 6,
            "asked": 5,
            "frees_at": None,
        }

    def test_another_projects_work_does_not_count(
        self, connections: Connections, project: str, other_project: str
    ) -> None:
        limit(connections, project, max_pending=2)
        submit_job(connections, other_project, 50)
        assert refused(connections, project, 2) is None


class TestDay:
    def test_what_is_spent_today_and_what_is_admitted_count_and_midnight_frees(
        self, connections: Connections, project: str
    ) -> None:
        limit(connections, project, gpu_seconds_per_day=100.0)
        estimated(connections, submit_job(connections, project, 2), 20.0)
        spend(connections, project, 40.0, at=START, folded=True)
        spend(connections, project, 30.0, at=START, folded=False)
        spend(connections, project, 500.0, at=START - 86_400, folded=True)
        spend(connections, project, 500.0, at=START - 86_400, folded=False)

        assert refused(connections, project, gpu_seconds=10.0) is None
        error = refused(connections, project, gpu_seconds=11.0)

        assert isinstance(error, QuotaExceeded)
        assert (error.used, error.asked, error.limit) == (90.0, 11.0, 100.0)
        assert error.frees_at == usage.midnight_after(START)
        assert error.wait_seconds == usage.midnight_after(START) - START
        assert error.members["frees_at"].endswith("T00:00:00+00:00")

    def test_more_than_a_whole_day_never_fits_and_the_answer_says_so(
        self, connections: Connections, project: str
    ) -> None:
        limit(connections, project, gpu_seconds_per_day=100.0)
        error = refused(connections, project, gpu_seconds=101.0)
        assert isinstance(error, QuotaExceeded)
        assert "split" in error.detail
        assert (error.frees_at, error.wait_seconds) == (None, None)


class TestBudget:
    def test_admission_stops_when_spent_and_promised_money_reach_it_and_work_goes_on(
        self, connections: Connections, project: str
    ) -> None:
        with write(connections.engine) as connection:
            connection.execute(update(Pool).where(Pool.name == POOL).values(price_per_hour=2.0))
        limit(connections, project, budget=1.0)
        estimated(connections, submit_job(connections, project, 4), 360.0)  # costs 0.20
        spend(connections, project, 720.0, at=START - 9e6, folded=True)  # 0.40
        spend(connections, project, 360.0, at=START, folded=False)  # 0.20

        assert refused(connections, project, gpu_seconds=360.0) is None
        error = refused(connections, project, gpu_seconds=361.0)

        assert isinstance(error, BudgetSpent)
        assert error.members == {"budget": 1.0, "spent": 0.6, "committed": 0.2, "asked": 0.2006}
        assert len(claim_some(connections)) == 4


class TestRunning:
    def test_a_claim_is_told_how_many_slots_a_limited_project_has_left(
        self, connections: Connections, project: str, other_project: str
    ) -> None:
        limit(connections, project, max_running=3)
        submit_job(connections, other_project, 2)
        submit_job(connections, project, 5)
        with write(connections.engine) as connection:
            assert quotas.slots(connection, LANE) == {project: 3}
            assert quotas.blocked_projects(connection, LANE) == frozenset()
        with write(connections.engine) as connection:
            connection.execute(update(Project).where(Project.id == project).values(max_running=0))
            assert quotas.blocked_projects(connection, LANE) == {project}
            assert quotas.slots(connection, "another lane") == {}


def test_submissions_at_once_never_go_over_the_limit(connections: Connections, project: str) -> None:
    limit(connections, project, max_pending=20)

    def submit(_: int) -> bool:
        try:
            submit_job(connections, project, 3)
        except QuotaExceeded:
            return False
        return True

    with ThreadPoolExecutor(4) as threads:
        accepted = sum(threads.map(submit, range(12)))

    assert accepted == 6
    with read(connections.engine) as connection:
        assert quotas.read_waiting(connection, project).pending == 18


def test_standing_says_limits_and_use(connections: Connections, project: str) -> None:
    limit(connections, project, max_pending=9, budget=5.0)
    job = submit_job(connections, project, 4)
    estimated(connections, job, 8.0)
    settle_as(connections, claim_some(connections, 1), Outcome.DONE)
    assert job_row(connections, job)["renders_done"] == 1
    with read(connections.engine) as connection:
        found = quotas.quota_use(connection, project, START)
    assert (found.max_pending, found.max_running, found.budget) == (9, None, 5.0)
    assert (found.waiting.pending, found.waiting.running, found.waiting.gpu_seconds) == (3, 0, 6.0)
