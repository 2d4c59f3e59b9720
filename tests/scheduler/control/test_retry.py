"""Retry: a failed render gets a fresh start."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from farm.connections import Connections
from farm.errors import Conflict
from farm.lifecycle import Outcome
from scheduler.batching.sealed_batches import SEALED
from scheduler.control.pause_job import pause_job
from scheduler.control.retry import retry_render
from tests.scheduler.jobs import (
    assert_invariants_hold,
    claim_some,
    events,
    job_row,
    render_rows,
    settle_as,
    statuses,
    submit_job,
)


class TestRetry:
    def test_a_failed_render_is_rendered_again_and_its_job_is_open_again(
        self, connections: Connections, project: str
    ) -> None:
        job = submit_job(connections, project, 2)
        settle_as(connections, claim_some(connections), Outcome.FAILED)
        assert job_row(connections, job)["status"] == "failed"

        retry_render(connections, render_rows(connections, job)[0]["id"], project)

        row, render = job_row(connections, job), render_rows(connections, job)[0]
        assert (row["status"], row["finished_at"], row["renders_failed"]) == ("open", None, 1)
        assert (render["status"], render["failures"], render["reason"]) == ("pending", 0, None)
        assert events(connections, job)[-1][1:] == ("retried", [0])
        settle_as(connections, claim_some(connections), Outcome.DONE)
        assert job_row(connections, job)["status"] == "partial"
        assert_invariants_hold(connections, job)

    def test_only_what_failed_is_retried(self, connections: Connections, project: str) -> None:
        job = submit_job(connections, project, 1)

        with pytest.raises(Conflict, match="pending"):
            retry_render(connections, render_rows(connections, job)[0]["id"], project)

    def test_a_render_is_retried_once_however_often_it_is_asked_at_once(
        self, connections: Connections, project: str
    ) -> None:
        job = submit_job(connections, project, 1)
        settle_as(connections, claim_some(connections), Outcome.FAILED)
        render = render_rows(connections, job)[0]["id"]

        with ThreadPoolExecutor(4) as threads:
            errors = [threads.submit(retry_render, connections, render, project).exception() for _ in range(4)]

        assert [type(error) for error in errors].count(Conflict) == 3
        assert_invariants_hold(connections, job)

    def test_not_while_its_job_is_paused(self, connections: Connections, project: str) -> None:
        job = submit_job(connections, project, 2)
        settle_as(connections, claim_some(connections, 1), Outcome.FAILED)
        pause_job(connections, job, project)

        with pytest.raises(Conflict, match="paused"):
            retry_render(connections, render_rows(connections, job)[0]["id"], project)
        assert statuses(connections, job) == ["failed", "held"]

    def test_a_fast_render_stays_in_a_sealed_batch(self, connections: Connections, project: str) -> None:
        job = submit_job(connections, project, 1, speed="fast")
        settle_as(connections, claim_some(connections), Outcome.FAILED)

        retry_render(connections, render_rows(connections, job)[0]["id"], project)

        assert render_rows(connections, job)[0]["batch_limit"] == SEALED

    def test_a_deterministic_render_stays_alone(self, connections: Connections, project: str) -> None:
        job = submit_job(connections, project, 1, deterministic=True)
        settle_as(connections, claim_some(connections), Outcome.FAILED)

        retry_render(connections, render_rows(connections, job)[0]["id"], project)

        assert render_rows(connections, job)[0]["batch_limit"] == 1
