"""Control: workers and watchers hear of what people decide."""

import pytest

from farm.connections import Connections
from farm.progress import JobChanged
from scheduler.control.cancel import cancel_job
from scheduler.control.pause_pool import resume_pool
from tests.scheduler.jobs import (
    LANE,
    POOL,
    job_row,
    sign_on,
    submit_job,
)


class TestTold:
    def test_workers_and_watchers_hear_of_a_cancel_after_its_commit(
        self, belled: Connections, project: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        job = submit_job(belled, project, 1)
        heard: list[tuple[JobChanged, str]] = []
        announce = belled.progress.announce

        def listen(*changes: JobChanged) -> None:
            heard.extend((change, job_row(belled, job)["status"]) for change in changes)
            announce(*changes)

        monkeypatch.setattr(belled.progress, "announce", listen)
        belled.progress.flush()
        before = belled.progress.lane_counter(LANE)

        cancel_job(belled, job, project)
        belled.progress.flush()

        assert belled.progress.lane_counter(LANE) != before
        assert heard == [(JobChanged(job_id=job, project_id=project, version=2), "cancelled")]

    def test_a_resumed_pool_is_rung(self, belled: Connections, project: str) -> None:
        for _ in range(3):
            sign_on(belled)

        resume_pool(belled, POOL)

        assert belled.broker.waiting_rings(POOL) == 3
