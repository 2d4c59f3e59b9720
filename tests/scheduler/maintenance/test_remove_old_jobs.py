"""What has been kept long enough goes, files first; what somebody waits for stays; a crash in between is made good."""

from collections.abc import Iterable
from typing import Any

import pytest
from sqlalchemy import func, insert, select, update

from farm.audit.read import AuditFilter, read_audit
from farm.audit.record import Action, record
from farm.connections import Connections
from farm.database import read, write
from farm.errors import StorageDown
from farm.ids import new_id
from farm.lifecycle import Outcome, WorkerStatus
from farm.tables import (
    Artifact,
    Attempt,
    Base,
    Dependency,
    Event,
    IdempotencyKey,
    Job,
    Key,
    Observation,
    Project,
    Render,
    ScaleDecision,
    WebhookDelivery,
    Worker,
)
from scheduler.control.retry import retry_render
from scheduler.maintenance.old_files import remove_old_jobs
from scheduler.webhooks.events import JOB_EVENTS
from scheduler.webhooks.subscriptions import create_webhook
from tests.scheduler.conftest import TestClock
from tests.scheduler.jobs import POOL, claim_some, job_row, render_rows, settle_as, sign_on, statuses, submit_job

DAY = 86_400.0


class Bucket:
    """In the place of the bucket: remembers what was deleted, and is away when told so."""

    def __init__(self) -> None:
        self.deleted: list[str] = []
        self.away = False

    def delete(self, keys: Iterable[str]) -> None:
        if self.away:
            raise StorageDown("away")
        self.deleted += keys

    def close(self) -> None:
        """As the real one."""


@pytest.fixture
def bucket(connections: Connections, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    made = Bucket()
    monkeypatch.setattr(connections, "storage", made)
    return made


def retain(connections: Connections, days: float | None) -> Connections:
    connections.settings = connections.settings.model_copy(update={"retain_days": days})
    return connections


def done_job(connections: Connections, project: str, renders: int = 2) -> str:
    job = submit_job(connections, project, renders)
    while claimed := claim_some(connections):
        settle_as(connections, claimed, Outcome.DONE)
    return job


def rows(connections: Connections, table: type[Base]) -> int:
    with read(connections.engine) as connection:
        return connection.scalar(select(func.count()).select_from(table)) or 0


def test_an_ended_job_goes_with_its_files_and_all_that_tells_of_it(
    connections: Connections, clock: TestClock, project: str, bucket: Bucket
) -> None:
    retain(connections, 7)
    done_job(connections, project)
    clock.forward(6.9 * DAY)
    young = done_job(connections, project, 1)
    assert remove_old_jobs.one_pass(connections, clock()) == 0

    clock.forward(0.2 * DAY)
    assert remove_old_jobs.one_pass(connections, clock()) > 0

    assert len(bucket.deleted) == 2
    counts = {table: rows(connections, table) for table in (Job, Render, Attempt, Artifact)}
    assert counts == {Job: 1, Render: 1, Attempt: 1, Artifact: 1}
    assert job_row(connections, young)["status"] == "done"
    assert remove_old_jobs.one_pass(connections, clock()) == 0


def test_nothing_goes_while_nobody_said_how_long_it_is_kept(
    connections: Connections, clock: TestClock, project: str, bucket: Bucket
) -> None:
    done_job(connections, project)
    clock.forward(80 * DAY)

    assert remove_old_jobs.one_pass(connections, clock()) == 0

    with write(connections.engine) as connection:
        connection.execute(update(Project).values(retention_days=30.0))
    assert remove_old_jobs.one_pass(connections, clock()) > 0
    assert rows(connections, Job) == 0


def test_a_job_that_another_one_waits_for_stays(
    connections: Connections, clock: TestClock, project: str, bucket: Bucket
) -> None:
    retain(connections, 1)
    first = done_job(connections, project)
    second = submit_job(connections, project, 1)
    with write(connections.engine) as connection:
        connection.execute(insert(Dependency).values(job_id=second, after_id=first, resolved_at=None))
    clock.forward(2 * DAY)
    assert remove_old_jobs.one_pass(connections, clock()) == 0

    with write(connections.engine) as connection:
        connection.execute(update(Dependency).values(resolved_at=clock()))
    remove_old_jobs.one_pass(connections, clock())

    assert [row["status"] for row in [job_row(connections, second)]] == ["open"]
    assert (rows(connections, Job), rows(connections, Dependency)) == (1, 0)


def test_a_crash_between_files_and_rows_or_between_chunks_is_made_good(
    connections: Connections, clock: TestClock, project: str, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remove_old_jobs, "CHUNK", 2)
    retain(connections, 1)
    done_job(connections, project, 7)
    clock.forward(2 * DAY)

    def crash(*_: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as crashing:
        crashing.setattr(remove_old_jobs, "delete", crash)
        with pytest.raises(SystemExit):
            remove_old_jobs.one_pass(connections, clock())
    assert len(bucket.deleted) == 2
    assert rows(connections, Render) == 7

    monkeypatch.setattr(remove_old_jobs, "CHUNKS_A_PASS", 1)
    passes = 0
    while remove_old_jobs.one_pass(connections, clock()):
        passes += 1
    assert passes >= 5, "one chunk in each"
    assert len(set(bucket.deleted)) == 7
    assert [rows(connections, table) for table in (Job, Render, Attempt, Artifact, Event)] == [0] * 5


def test_rows_stay_while_the_files_cannot_be_removed(
    connections: Connections, clock: TestClock, project: str, bucket: Bucket
) -> None:
    retain(connections, 1)
    job = done_job(connections, project)
    clock.forward(2 * DAY)
    bucket.away = True

    assert remove_old_jobs.one_pass(connections, clock()) == 0

    assert statuses(connections, job) == ["done", "done"]


def test_a_job_whose_render_is_tried_again_at_this_moment_stays(
    connections: Connections, clock: TestClock, project: str, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    retain(connections, 1)
    job = submit_job(connections, project, 1)
    settle_as(connections, claim_some(connections), Outcome.FAILED)
    clock.forward(2 * DAY)
    [render] = render_rows(connections, job)
    look = remove_old_jobs._oldest_job
    seen: list[int] = []

    def look_and_retry(now: float, days: float | None) -> Any:
        if not seen:
            seen.append(1)
            return look(now, days)
        return select(Job.id).where(Job.id == "01a20936-152b-75ce-80a1-dcf6f4b2b4a5")

    real = remove_old_jobs._remove_some

    def retried_first(connections: Connections, job_id: str) -> None:
        retry_render(connections, render["id"])
        real(connections, job_id)

    monkeypatch.setattr(remove_old_jobs, "_oldest_job", look_and_retry)
    monkeypatch.setattr(remove_old_jobs, "_remove_some", retried_first)
    remove_old_jobs.one_pass(connections, clock())

    assert statuses(connections, job) == ["pending"]
    assert len(claim_some(connections)) == 1


def test_rows_that_only_tell_of_the_past_go_after_their_time(
    connections: Connections, clock: TestClock, project: str, bucket: Bucket
) -> None:
    gone, alive = sign_on(connections, status=WorkerStatus.GONE), sign_on(connections)
    create_webhook(connections.engine, project, "https://example.com/", JOB_EVENTS, clock())
    job = done_job(connections, project, 1)
    then = clock()
    numbers = "width height frames forwards batch_size encode_seconds pass_seconds decode_seconds"
    measured = dict.fromkeys([*numbers.split(), "gpu_seconds", "wall_seconds"], 1)
    with write(connections.engine) as connection:
        connection.execute(insert(ScaleDecision).values(id=new_id(), pool=POOL, at=then, before=1, after=2, reason="x"))
        connection.execute(
            insert(IdempotencyKey).values(
                id=new_id(), project_id=project, key="k", body_sha256="0" * 64, job_id=job, created_at=then
            )
        )
        connection.execute(
            insert(Observation).values(
                render_id=new_id(), pool=POOL, lane="x", device="cpu", guided=True, steady=True, at=then, **measured
            )
        )
        for kind, used in (("sign_in", then), ("api", None)):
            connection.execute(
                insert(Key).values(
                    id=new_id(), project_id=project, kind=kind, name="k", secret_sha256=new_id(), created_at=then,
                    used_at=used,
                )
            )  # fmt: skip
    kept = connections.settings.retain_events_days * DAY
    tables = (Event, ScaleDecision, IdempotencyKey, Observation, WebhookDelivery, Key, Worker)
    clock.forward(kept - 1)
    remove_old_jobs.one_pass(connections, clock())
    assert [rows(connections, table) for table in tables] == [2, 1, 1, 1, 1, 2, 2]

    clock.forward(2)
    remove_old_jobs.one_pass(connections, clock())

    assert [rows(connections, table) for table in tables] == [0, 0, 0, 0, 0, 1, 1]
    assert job_row(connections, job)["status"] == "done", "jobs are kept until somebody says how long"
    assert gone != alive


def test_the_audit_log_is_kept_for_its_own_time(connections: Connections, clock: TestClock) -> None:
    with write(connections.engine) as connection:
        for days in (0, 100, 364, 366):
            record(connection, Action.USER_CHANGED, f"{days} days ago", clock() - days * DAY)
    remove_old_jobs.one_pass(connections, clock())
    with read(connections.engine) as connection:
        left = {row.target for row in read_audit(connection, AuditFilter(), before=None, limit=10)}
    assert left >= {"0 days ago", "100 days ago", "364 days ago"}
    assert "366 days ago" not in left
