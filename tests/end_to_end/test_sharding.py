"""A worker that is a group of ranks, inside a whole farm."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from farm.settings import Settings
from tests.end_to_end.farms import RunningFarm, engine_of, quick_settings, running_farm
from tests.waiting import eventually

POOL = "wan-demo-local"
CATALOG = f"pools: {{{POOL}: {{threads: 1, sharding: {{by: weights+sequence, devices: 2}}}}}}"


def sharded_settings(folder: Path) -> Settings:
    settings = quick_settings(folder)
    (folder / "sharding.yaml").write_text(CATALOG)
    return settings.model_copy(update={"catalog": [*settings.catalog, folder / "sharding.yaml"]})


def kill_a_rank(farm: RunningFarm) -> None:
    """kill -9 of the rank beside the engine of the pool's worker."""
    [worker] = farm.alive_workers(POOL)
    [rank] = [
        child for child in engine_of(worker.pid).children(recursive=True) if "workers.sharding.rank" in child.cmdline()
    ]
    rank.kill()


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[RunningFarm]:
    """A farm whose worker for clips is a group of two ranks, and which has no other."""
    yield from running_farm(tmp_path / "farm", sharded_settings, workers={"sana-demo-local": 0, "sprint-demo-local": 0})


@pytest.mark.long
def test_a_killed_rank_loses_nothing_and_its_group_comes_again(farm: RunningFarm) -> None:
    # Given a group in the middle of a job,
    job = farm.client.submit("wan-demo", "a red circle that moves left", seed_count=3, num_inference_steps=40)
    farm.when_stepping(job.id)
    [worker] = farm.alive_workers(POOL)
    # when one of its ranks is killed,
    kill_a_rank(farm)
    # then the worker starts another group, and every clip comes out once;
    farm.client.wait(job.id, timeout=300)
    farm.assert_nothing_lost_or_doubled(job.id, renders=3)
    [again] = eventually(
        lambda: [row for row in farm.alive_workers(POOL) if row.engine_restarts > worker.engine_restarts]
    )
    assert again.id == worker.id
    # and the manifest says on what it was made.
    device = farm.manifest(farm.renders(job.id)[0].id)["environment"]["device"]
    assert device.startswith("2 x CPU: ")
    assert device.endswith(", by weights+sequence")
