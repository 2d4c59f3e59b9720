"""The primary of a Redis behind Sentinels is killed under a whole farm: nobody is started again, nothing is lost."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from farm.settings import Settings
from tests.end_to_end.farms import RunningFarm, quick_settings, running_farm
from tests.end_to_end.test_failover import POOLS, open_stream, processes
from tests.sentinels import Watched, watched_servers
from tests.waiting import eventually

pytestmark = pytest.mark.long


@pytest.fixture
def watched() -> Iterator[Watched]:
    with watched_servers() as servers:
        yield servers


@pytest.fixture
def farm(tmp_path: Path, watched: Watched) -> Iterator[RunningFarm]:
    def settings(folder: Path) -> Settings:
        return quick_settings(folder).model_copy(update={"redis_url": SecretStr(watched.url)})

    yield from running_farm(tmp_path / "farm", settings)


def test_a_killed_primary_ends_nobody_loses_nothing_and_all_go_on_by_the_new_one(
    farm: RunningFarm, watched: Watched
) -> None:
    def rings() -> list[int]:
        logs = [(farm.stack.settings.data_dir / "logs" / f"worker-{pool}.log").read_text() for pool in POOLS]
        return [len(re.findall(r"Task farm\.ring\S* received", log)) for log in logs]

    eventually(lambda: len(processes(farm)) == len(POOLS))
    before, old = processes(farm), watched.primary
    with open_stream(farm) as heard:
        # Given pictures and clips on their way
        pictures = farm.client.submit("sana-demo", "a red circle", seed_count=12, num_inference_steps=50)
        clips = farm.client.submit("wan-demo", "a green star moves left on a white background", seed_count=2)
        farm.when_stepping(pictures.id)

        # when the primary is killed and never comes back,
        watched.kill(old)
        eventually(lambda: watched.primary not in (0, old), timeout=60)

        # then all come out once, by the same processes,
        for job, renders in ((pictures, 12), (clips, 2)):
            farm.client.wait(job.id, timeout=600)
            farm.assert_nothing_lost_or_doubled(job.id, renders)
        assert processes(farm) == before
        # each of which hears the rings of the new primary,
        heard_before = rings()

        def all_hear() -> bool:
            for pool in POOLS:
                farm.client.submit(pool.removesuffix("-local"), "a blue square")
            return all(now > then for now, then in zip(rings(), heard_before, strict=True))

        eventually(all_hear, timeout=120)
        # and the page that was open all the time sees the steps of what comes now.
        after = farm.client.submit("sana-demo", "a white star", num_inference_steps=20)
        farm.client.wait(after.id, timeout=600)
        farm.assert_nothing_lost_or_doubled(after.id, renders=1)
        eventually(lambda: any(kind == "step" and told["job_id"] == after.id for kind, told in heard))
