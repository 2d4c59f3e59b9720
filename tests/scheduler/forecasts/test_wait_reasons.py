"""Why something waits: one sentence for every case, the one that has to change first."""

from typing import Any

import pytest
from sqlalchemy import update

from farm.connections import Connections
from farm.database import read, write
from farm.lifecycle import Outcome, WorkerStatus
from farm.tables import Flow, Job, Lane, Pool, Project, Render, Worker
from scheduler.forecasts.queue_position import QueuePosition, job_queue_position, render_queue_position
from scheduler.forecasts.wait_reasons import Reason, job_reason, render_reason
from tests.scheduler.jobs import claim_some, render_rows, settle_as, sign_on, submit_job


def queue_position(connections: Connections, job_id: str) -> QueuePosition:
    with read(connections.engine) as connection:
        found = job_queue_position(connection, connections, job_id, connections.clock())
    assert found is not None
    return found


def why(connections: Connections, job_id: str) -> Reason:
    return job_reason(queue_position(connections, job_id), connections.settings.class_shares, connections.clock())


def why_render(connections: Connections, job_id: str, index: int = 0) -> Reason:
    with read(connections.engine) as connection:
        row = connection.execute(Render.__table__.select().where(Render.job_id == job_id, Render.index == index)).one()
        found = render_queue_position(connection, connections, row, connections.clock())
    assert found is not None
    return render_reason(row, found, connections.settings.class_shares, connections.clock())


def change(connections: Connections, table: type[Any], **values: Any) -> None:
    with write(connections.engine) as connection:
        connection.execute(update(table).values(**values))


def test_without_a_worker_it_says_so(connections: Connections, project: str) -> None:
    job = submit_job(connections, project, 2)

    assert why(connections, job).kind == "no_worker"
    assert "No worker for sana-demo is running" in why(connections, job).sentence
    assert queue_position(connections, job).forecast is None


def test_a_starting_and_a_quarantined_worker_are_told_apart(connections: Connections, project: str) -> None:
    job = submit_job(connections, project, 1)
    sign_on(connections, status=WorkerStatus.STARTING)
    assert why(connections, job).kind == "pool_starting"
    assert queue_position(connections, job).forecast is not None

    change(connections, Worker, quarantined_at=1.0)
    assert why(connections, job).kind == "quarantined"


@pytest.mark.parametrize(
    ("table", "values", "kind"),
    [
        (Job, {"status": "paused"}, "job_paused"),
        (Project, {"paused_at": 1.0}, "project_paused"),
        (Flow, {"paused_at": 1.0}, "flow_paused"),
        (Lane, {"paused_at": 1.0}, "lane_paused"),
        (Pool, {"paused_at": 1.0}, "pool_paused"),
        (Job, {"not_before": 9e9}, "not_before"),
        (Project, {"max_running": 0}, "quota"),
    ],
)
def test_what_was_decided_is_told_for_job_and_render(
    connections: Connections, project: str, table: type[Any], values: dict[str, Any], kind: str
) -> None:
    sign_on(connections)
    job = submit_job(connections, project, 1)
    change(connections, table, **values)

    assert why(connections, job).kind == kind
    assert why_render(connections, job).kind == kind


def test_its_turn_is_told_with_what_comes_first(connections: Connections, project: str) -> None:
    sign_on(connections)
    first, second = submit_job(connections, project, 20), submit_job(connections, project, 10)

    assert why(connections, first) == Reason(
        "next",
        "A worker is free: it starts in a moment.",
        {"before": 0, "workers": 1, "waiting_in_lane": 30, "approximate": True},
        0,
    )
    assert why(connections, second).before == 20
    assert why_render(connections, second, 5).before == 25
    assert "About 20 other renders" in why(connections, second).sentence


def test_another_project_of_the_same_class_comes_between(
    connections: Connections, project: str, other_project: str
) -> None:
    sign_on(connections)
    submit_job(connections, other_project, 100)
    submit_job(connections, project, 10)

    behind = submit_job(connections, project, 1)

    assert why(connections, behind).before == pytest.approx(20, abs=1)


def test_a_later_job_starts_and_ends_later(connections: Connections, project: str) -> None:
    sign_on(connections)
    first, second = (queue_position(connections, submit_job(connections, project, 20)).forecast for _ in range(2))
    assert first is not None
    assert second is not None
    assert first.starts_in is not None
    assert second.starts_in is not None
    assert first.done_in is not None
    assert second.done_in is not None
    assert first.starts_in.likely < second.starts_in.likely
    assert first.done_in.likely < second.done_in.likely


def test_what_runs_and_what_has_ended_is_told(connections: Connections, project: str) -> None:
    worker = sign_on(connections)
    job = submit_job(connections, project, 3)
    claimed = claim_some(connections, capacity=1, worker_id=worker)

    assert why_render(connections, job).kind == "running"
    assert why(connections, job).sentence.startswith("1 of its renders is being rendered, others wait. ")
    assert why(connections, job).facts["running"] == 1
    running = queue_position(connections, job).forecast
    assert running is not None
    assert running.starts_in is None

    settle_as(connections, claimed, Outcome.DONE)
    rest = claim_some(connections, capacity=8, worker_id=worker)
    assert why(connections, job).kind == "running"
    settle_as(connections, rest, Outcome.DONE)
    assert why(connections, job).kind == "finished"
    assert why_render(connections, job).kind == "finished"
    assert {row["status"] for row in render_rows(connections, job)} == {"done"}


TROUBLE = "refuses to store files: NoSuchBucket"


def lose_storage(connections: Connections) -> None:
    """All workers say with their beats that they can store nothing."""
    change(connections, Worker, storage_away_since=connections.clock() - 60, storage_trouble=TROUBLE)


def test_what_is_rendered_and_cannot_be_stored_says_so_and_no_end_is_told(
    connections: Connections, project: str
) -> None:
    worker = sign_on(connections)
    job = submit_job(connections, project, 3)
    claim_some(connections, capacity=3, worker_id=worker)
    change(connections, Render, phase="finishing")
    lose_storage(connections)

    for found in (why(connections, job), why_render(connections, job)):
        assert found.kind == "storage"
        assert TROUBLE in found.sentence
        assert found.facts["since"] == connections.clock() - 60
    assert "rendered, but cannot be stored" in why(connections, job).sentence
    assert "It is rendered, but cannot be stored" in why_render(connections, job).sentence
    assert queue_position(connections, job).forecast is None


def test_what_waits_while_nobody_can_store_says_so_but_not_while_somebody_can(
    connections: Connections, project: str
) -> None:
    sign_on(connections)
    job = submit_job(connections, project, 3)
    lose_storage(connections)
    assert why(connections, job).kind == why_render(connections, job).kind == "storage"
    assert "No worker for sana-demo can store what it renders" in why(connections, job).sentence
    assert queue_position(connections, job).forecast is None

    sign_on(connections)
    assert why(connections, job).kind == "next"
    assert queue_position(connections, job).forecast is not None


def test_who_pauses_is_told_before_the_storage(connections: Connections, project: str) -> None:
    sign_on(connections)
    job = submit_job(connections, project, 1)
    lose_storage(connections)
    change(connections, Job, status="paused")

    assert why(connections, job).kind == "job_paused"
