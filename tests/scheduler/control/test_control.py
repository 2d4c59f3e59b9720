"""Control: workers and watchers hear of what people decide."""

from collections.abc import Sequence

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
        self, ringing: Connections, project: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        job = submit_job(ringing, project, 1)
        heard: list[tuple[JobChanged, str]] = []
        announce = ringing.progress.announce

        def listen(*changes: JobChanged, lanes: Sequence[str]) -> None:
            heard.extend((change, job_row(ringing, job)["status"]) for change in changes)
            announce(*changes, lanes=lanes)

        monkeypatch.setattr(ringing.progress, "announce", listen)
        ringing.progress.flush()
        before = ringing.progress.lane_counter(LANE)

        cancel_job(ringing, job, project)
        ringing.progress.flush()

        assert ringing.progress.lane_counter(LANE) != before
        assert heard == [(JobChanged(job_id=job, project_id=project, version=2), "cancelled")]

    def test_a_resumed_pool_is_rung(self, ringing: Connections, project: str) -> None:
        for _ in range(3):
            sign_on(ringing)

        resume_pool(ringing, POOL)

        assert ringing.broker.waiting_rings(POOL) == 3
