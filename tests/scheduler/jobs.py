"""What the tests of the scheduler do to jobs: submit, claim, settle, and look into the database."""

from typing import Any

from sqlalchemy import select

from farm.connections import Connections
from farm.database import read, write
from farm.ids import new_id
from farm.lifecycle import Outcome, WorkerStatus
from farm.params import JobRequest
from farm.storage import StoredFile
from farm.storage_keys import ArtifactKind
from farm.tables import Attempt, Event, Job, Render, Worker
from scheduler.admission.submit import submit
from scheduler.claims.claim_batch import ClaimedRender, Claimer, claim
from scheduler.leases.settle import Output, Settled, Settlement, settle
from scheduler.maintenance import mark_dead_workers as mark_dead_workers
from scheduler.maintenance import reap_leases
from scheduler.maintenance.mark_dead_workers import MarkDeadWorkers
from scheduler.maintenance.reap_leases import ReapLeases
from tests.scheduler.conftest import TestClock

POOL = "sana-demo-local"
LANE = "sana-demo@fp32"
LEASE_SECONDS = 30.0


def submit_job(connections: Connections, project: str, renders: int, **fields: Any) -> str:
    """A job of the demo model with the seeds 0 … renders - 1; returns its id."""
    document = {"model": "sana-demo", "prompt": "a red circle", "seeds": list(range(renders))} | fields
    request = JobRequest.model_validate(document)
    made = submit(
        connections, project_id=project, user_id=None, request=request, idempotency_key=None, body_sha256="0" * 64
    )
    return made.job_id


def sign_on(connections: Connections, *, status: WorkerStatus = WorkerStatus.IDLE, pool: str = POOL) -> str:
    """A worker that has just beaten; returns its id."""
    worker_id, now = new_id(), connections.clock()
    row = {"id": worker_id, "pool": pool, "status": status.value, "started_at": now, "heartbeat_at": now}
    rest = {"host": "here", "pid": 1, "device": "cpu", "model": "sana-demo", "details": {}}
    with write(connections.engine) as connection:
        connection.execute(Worker.__table__.insert().values(row | rest))
    return worker_id


def claim_some(connections: Connections, capacity: int = 8, worker_id: str | None = None) -> list[ClaimedRender]:
    """What a worker of the pool gets now; nothing is an empty list."""
    claimed = claim(
        connections.engine,
        Claimer(POOL, worker_id or new_id(), LEASE_SECONDS),
        capacity=capacity,
        now=connections.clock(),
    )
    return claimed.renders if claimed else []


def reap_lost(connections: Connections, clock: TestClock) -> int:
    """Let the duty look until it has watched for half a lease; how many jobs had renders that were lost."""
    return _watching(connections, clock, ReapLeases(), connections.settings.lease_seconds * reap_leases.SILENT_SHARE)


def retire_silent(connections: Connections, clock: TestClock) -> int:
    """Let the duty look until it has watched for long enough; how many workers are gone."""
    return _watching(
        connections, clock, MarkDeadWorkers(), connections.settings.worker_gone_seconds * mark_dead_workers.SILENT_SHARE
    )


def _watching(connections: Connections, clock: TestClock, duty: ReapLeases | MarkDeadWorkers, seconds: float) -> int:
    changes = duty.one_pass(connections, clock())
    for _ in range(2):
        changes += duty.one_pass(connections, clock.forward(seconds / 2))
    return changes


def settle_as(connections: Connections, renders: list[ClaimedRender], outcome: Outcome) -> Settled:
    """The worker's word for the attempts that it claimed; one failure is enough to fail."""
    return settle(
        connections.engine,
        [_settlement(render, outcome) for render in renders],
        connections.clock(),
        max_failures=1,
    )


def _settlement(render: ClaimedRender, outcome: Outcome) -> Settlement:
    file = StoredFile(key=f"{render.id}/{render.attempt}.png", content_type="image/png", size=1, sha256="0" * 64)
    outputs = [Output(ArtifactKind.OUTPUT, file)] if outcome is Outcome.DONE else []
    return Settlement(render.id, render.attempt, outcome, "it broke", 1.0, outputs)


def job_row(connections: Connections, job_id: str) -> Any:
    """The job's row."""
    with read(connections.engine) as connection:
        return connection.execute(select(Job.__table__).where(Job.id == job_id)).mappings().one()


def render_rows(connections: Connections, job_id: str) -> list[Any]:
    """The rows of the job's renders, by index."""
    statement = select(Render.__table__).where(Render.job_id == job_id).order_by(Render.index)
    with read(connections.engine) as connection:
        return list(connection.execute(statement).mappings())


def attempt_rows(connections: Connections, job_id: str) -> list[Any]:
    """The rows of the attempts at the job's renders."""
    statement = select(Attempt.__table__).join(Render, Render.id == Attempt.render_id).where(Render.job_id == job_id)
    with read(connections.engine) as connection:
        return list(connection.execute(statement.order_by(Attempt.render_id, Attempt.number)).mappings())


def statuses(connections: Connections, job_id: str) -> list[str]:
    """The states of the job's renders, by index."""
    return [row["status"] for row in render_rows(connections, job_id)]


def events(connections: Connections, job_id: str) -> list[tuple[int, str, Any]]:
    """(version, kind, what the payload says of renders), by version."""
    statement = select(Event.version, Event.kind, Event.payload).where(Event.job_id == job_id)
    with read(connections.engine) as connection:
        rows = connection.execute(statement.order_by(Event.version)).all()
    return [(version, kind, payload["renders"]) for version, kind, payload in rows]


def assert_invariants_hold(connections: Connections, job_id: str) -> None:
    """The counters say what the renders say, and the events are numbered without a gap up to the version."""
    job, states = job_row(connections, job_id), statuses(connections, job_id)
    for state in ("done", "failed", "cancelled", "expired"):
        assert job[f"renders_{state}"] == states.count(state), state
    assert [version for version, _, _ in events(connections, job_id)] == list(range(1, job["version"] + 1))
