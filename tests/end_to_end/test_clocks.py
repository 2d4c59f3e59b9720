"""Workers on machines whose clocks are off: nothing is lost, nothing waits for an hour, and the page says it."""

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from farm.local.program import Program
from farm.local.stack import LocalStack, farm_programs
from farm.settings import Settings
from tests.end_to_end.farms import RunningFarm, quick_settings, running_farm
from tests.waiting import eventually

pytestmark = pytest.mark.long  # a farm of its own, with a worker for each clock
POOL = "sana-demo-local"
CLOCKS = {f"worker-{POOL}-1": "-60", f"worker-{POOL}-2": "3600", f"worker-{POOL}-3": "jumps"}
RENDERS = 9


def with_clocks(stack: LocalStack) -> Sequence[Program]:
    """The farm's own programs; each worker of the pool has a clock of CLOCKS, and other pools have none."""
    return [_with_clock(program) for program in farm_programs(stack) if _wanted(program)]


def _wanted(program: Program) -> bool:
    return not program.name.startswith("worker-") or program.name in CLOCKS


def _with_clock(program: Program) -> Program:
    if program.name not in CLOCKS:
        return program
    arguments = program.command[program.command.index("worker") :]
    command = (sys.executable, "-m", "tests.end_to_end.off_clock", CLOCKS[program.name], *arguments)
    return replace(program, command=command)


@pytest.fixture(scope="module")
def clocks_farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningFarm]:
    def settings(folder: Path) -> Settings:
        return quick_settings(folder).model_copy(update={"catalog": []})

    folder = tmp_path_factory.mktemp("clocks-farm")
    yield from running_farm(folder, settings, workers={POOL: len(CLOCKS)}, programs=with_clocks)


def test_workers_whose_clocks_are_off_or_jump_lose_nothing(clocks_farm: RunningFarm) -> None:
    farm = clocks_farm

    # Given workers a minute slow, an hour fast, and one whose clock is set all the time, in the middle of a job
    job = farm.client.submit("sana-demo", "a red circle", seed_count=RENDERS)
    farm.client.wait(job.id, timeout=400)

    # Then each render took one attempt
    farm.assert_nothing_lost_or_doubled(job.id, RENDERS)
    attempts = farm.attempts(job.id)
    assert [attempt.outcome for attempt in attempts] == ["done"] * RENDERS
    assert all(attempt.ended_at >= attempt.started_at for attempt in attempts)

    # And everybody can see whose clock is off
    skews = {worker.pid: worker.clock_skew for worker in farm.alive_workers(POOL)}
    assert skews[farm.stack.pid(f"worker-{POOL}-1")] == pytest.approx(-60, abs=2)
    assert skews[farm.stack.pid(f"worker-{POOL}-2")] == pytest.approx(3600, abs=2)
    assert any(worker.clock_skew and worker.clock_skew > 3000 for worker in farm.client.workers())


def test_what_a_worker_with_a_fast_clock_held_when_it_died_is_rendered_again_at_once(
    clocks_farm: RunningFarm,
) -> None:
    farm = clocks_farm
    count = 2 * farm.connections.catalog.pool(POOL).max_batch + RENDERS  # more than the two others can take
    job = farm.client.submit("sana-demo", "a blue star", seed_count=count, num_inference_steps=50)
    fast = farm.stack.pid(f"worker-{POOL}-2")
    [worker] = [worker for worker in farm.alive_workers(POOL) if worker.pid == fast]
    eventually(lambda: [row for row in farm.renders(job.id) if row.worker_id == worker.id and row.phase == "stepping"])

    os.kill(fast, signal.SIGKILL)

    # It would be an hour by the clock of the dead.
    farm.client.wait(job.id, timeout=400)
    farm.assert_nothing_lost_or_doubled(job.id, count)
