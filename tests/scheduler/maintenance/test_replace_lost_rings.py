"""Pools are rung for what waits, and for nothing else."""

import pytest
from sqlalchemy import update

from farm.connections import Connections
from farm.database import write
from farm.lifecycle import WorkerStatus
from farm.redis_connection import connect
from farm.tables import Pool
from scheduler.control.pause_job import pause_job
from scheduler.maintenance import replace_lost_rings as replace_lost_rings
from tests.scheduler.conftest import START, TestClock
from tests.scheduler.jobs import (
    POOL,
    claim_some,
    sign_on,
    submit_job,
)


class TestRinging:
    def test_rings_that_were_lost_with_redis_are_rung_again(
        self, ringing: Connections, clock: TestClock, project: str, valkey_url: str
    ) -> None:
        for _ in range(3):
            sign_on(ringing)
        submit_job(ringing, project, 5)
        ringing.broker.flush()
        wipe(valkey_url)
        assert ringing.broker.waiting_rings(POOL) == 0

        assert replace_lost_rings.one_pass(ringing, clock()) == 3

        assert ringing.broker.waiting_rings(POOL) == 3
        assert replace_lost_rings.one_pass(ringing, clock()) == 0

    def test_nobody_is_rung_for_nothing(
        self, ringing: Connections, clock: TestClock, project: str, valkey_url: str
    ) -> None:
        sign_on(ringing)
        assert replace_lost_rings.one_pass(ringing, clock()) == 0

        submit_job(ringing, project, 1)
        assert claim_some(ringing)
        assert not claim_some(ringing)
        wipe(valkey_url)

        assert replace_lost_rings.one_pass(ringing, clock()) == 0

    @pytest.mark.parametrize("status", [WorkerStatus.RENDERING, WorkerStatus.GONE, WorkerStatus.DRAINING])
    def test_only_idle_workers_are_rung(
        self, ringing: Connections, clock: TestClock, project: str, valkey_url: str, status: WorkerStatus
    ) -> None:
        sign_on(ringing, status=status)
        submit_job(ringing, project, 1)
        wipe(valkey_url)

        assert replace_lost_rings.one_pass(ringing, clock()) == 0

    def test_a_silent_worker_is_not_rung(
        self, ringing: Connections, clock: TestClock, project: str, valkey_url: str
    ) -> None:
        sign_on(ringing)
        submit_job(ringing, project, 1)
        wipe(valkey_url)

        clock.forward(61)
        assert replace_lost_rings.one_pass(ringing, clock()) == 0

    def test_a_paused_pool_is_not_rung(
        self, ringing: Connections, clock: TestClock, project: str, valkey_url: str
    ) -> None:
        sign_on(ringing)
        submit_job(ringing, project, 1)
        with write(ringing.engine) as connection:
            connection.execute(update(Pool).where(Pool.name == POOL).values(paused_at=START))
        wipe(valkey_url)

        assert replace_lost_rings.one_pass(ringing, clock()) == 0

    def test_a_paused_job_rings_nobody_for_long(
        self, ringing: Connections, clock: TestClock, project: str, valkey_url: str
    ) -> None:
        sign_on(ringing)
        pause_job(ringing, submit_job(ringing, project, 1), project)
        assert claim_some(ringing) == []  # the idle worker's look takes the empty flow out
        wipe(valkey_url)

        assert replace_lost_rings.one_pass(ringing, clock()) == 0


def wipe(valkey_url: str) -> None:
    """All that Redis knew is gone."""
    client = connect(valkey_url)
    client.flushall()
    client.close()
