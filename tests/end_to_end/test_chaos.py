"""kill -9 at random, of everything, under load: nothing is lost and nothing is doubled."""

import random
from pathlib import Path

import pytest

from tests.end_to_end.chaos import run_chaos


@pytest.mark.long
def test_a_quarter_of_a_minute_of_chaos_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    chaos = run_chaos(tmp_path, seconds=12, seed=4, workers=1, projects=2)

    assert chaos.faults == []
    assert chaos.kills.total() >= 3
    assert all(tenant.accepted for tenant in chaos.tenants)


@pytest.mark.long
@pytest.mark.timeout(1500)  # five minutes of killing, the start before it and the end of the work after it
def test_five_minutes_of_chaos_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(1_000_000)
    print(f"seed {seed}")

    chaos = run_chaos(tmp_path, seconds=300, seed=seed)

    assert chaos.faults == [], f"with the seed {seed}"
    assert set(chaos.kills) == {
        "scheduler",
        "worker",
        "scorer",
        "farm-fork-server",
        "fork-server",
        "valkey",
        "dashboard",
    }
