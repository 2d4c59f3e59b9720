"""What is killed loses nothing and doubles nothing."""

import os
import signal

import pytest
import redis

from farm.broker import queue_name
from tests.end_to_end.farms import RunningFarm, engine_of
from tests.waiting import eventually

SLOW = {"num_inference_steps": 50}  # long enough on any machine to be caught in the middle
RENDERS = 12


def test_kill_9_of_a_worker_in_mid_batch_loses_nothing_and_doubles_nothing(farm: RunningFarm) -> None:
    # Given a worker in the middle of a batch
    job = farm.client.submit("sana-demo", "a yellow star on a black background", seed_count=RENDERS, **SLOW)
    farm.when_stepping(job.id)

    # When it is killed, without a chance to say anything
    [worker] = farm.alive_workers("sana-demo-local")
    os.kill(worker.pid, signal.SIGKILL)

    # Then the farm starts another, takes the renders back when their lease is over, and all are done once
    farm.client.wait(job.id, timeout=600)
    farm.assert_nothing_lost_or_doubled(job.id, renders=RENDERS)
    outcomes = [attempt.outcome for attempt in farm.attempts(job.id)]
    assert "lost" in outcomes
    assert all(row.failures == 0 for row in farm.renders(job.id)), "a lost worker is nobody's fault"


@pytest.mark.long
def test_a_killed_engine_is_seen_and_started_again_and_its_renders_come_out(farm: RunningFarm) -> None:
    job = farm.client.submit("sana-demo", "a purple square on a white background", seed_count=4, **SLOW)
    farm.when_stepping(job.id)
    [worker] = farm.alive_workers("sana-demo-local")
    before = worker.engine_restarts

    farm.kill_engine(worker.pid)

    farm.client.wait(job.id, timeout=600)
    farm.assert_nothing_lost_or_doubled(job.id, renders=4)
    again = eventually(
        lambda: [row for row in farm.alive_workers("sana-demo-local") if row.engine_restarts == before + 1]
    )
    assert again[0].id == worker.id, "the parent lived on"
    assert engine_of(worker.pid).ppid() == farm.stack.pid("fork-server"), "forked, not imported anew"


def test_wiping_redis_with_work_pending_loses_nothing(farm: RunningFarm) -> None:
    with farm.pool_paused("sana-demo-local"):
        job = farm.client.submit("sana-demo", "a red triangle on a green background", seed_count=RENDERS)
        with redis.Redis.from_url(farm.redis_url) as client:
            client.flushall()
            assert client.llen(queue_name("sana-demo-local")) == 0

    farm.client.wait(job.id, timeout=600)
    farm.assert_nothing_lost_or_doubled(job.id, renders=RENDERS)


@pytest.mark.long
def test_kill_9_of_redis_in_mid_batch_loses_nothing(farm: RunningFarm) -> None:
    job = farm.client.submit("sana-demo", "an orange circle on a white background", seed_count=RENDERS, **SLOW)
    farm.when_stepping(job.id)

    farm.stack.kill("valkey")

    farm.client.wait(job.id, timeout=600)
    farm.assert_nothing_lost_or_doubled(job.id, renders=RENDERS)


def test_a_cancelled_job_stops_between_two_steps_and_the_worker_goes_on_with_others(
    farm: RunningFarm,
) -> None:
    long = farm.client.submit("sana-demo", "a white star on a black background", seed=1, num_inference_steps=50)
    farm.when_stepping(long.id)

    farm.client.cancel(long.id)
    after = farm.submit_and_wait("sana-demo", "a white star on a black background", seed=1)

    assert farm.client.job(long.id).status == "cancelled"
    assert {row.status for row in farm.renders(long.id)} == {"cancelled"}
    assert farm.artifacts(long.id) == []
    farm.assert_nothing_lost_or_doubled(after.id, renders=1)


@pytest.mark.long
def test_sigterm_hands_back_what_was_not_finished_and_blames_nobody(farm: RunningFarm) -> None:
    job = farm.client.submit("sana-demo", "a blue circle on a red background", seed_count=RENDERS, **SLOW)
    farm.when_stepping(job.id)
    [worker] = farm.alive_workers("sana-demo-local")

    os.kill(worker.pid, signal.SIGTERM)

    farm.client.wait(job.id, timeout=600)
    farm.assert_nothing_lost_or_doubled(job.id, renders=RENDERS)
    assert all(row.failures == 0 for row in farm.renders(job.id))
