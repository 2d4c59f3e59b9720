"""The whole farm behind pgbouncer in transaction mode: workers, scheduler, dashboard and migrations."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from farm.settings import Settings
from tests.databases import PostgresServer
from tests.end_to_end.farms import RunningFarm, quick_settings, running_farm
from tests.poolers import pgbouncer


@pytest.fixture(scope="module", params=["debian", "newer"])
def pooled_farm(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgres_server: PostgresServer
) -> Iterator[RunningFarm]:
    with pgbouncer(request.param, postgres_server) as pooler:
        postgres_server.execute(f"CREATE DATABASE behind_{request.param}")

        def settings(folder: Path) -> Settings:
            url = SecretStr(pooler.url(f"behind_{request.param}"))
            return quick_settings(folder).model_copy(update={"database_url": url})

        yield from running_farm(tmp_path_factory.mktemp("pooled-farm"), settings)


@pytest.mark.long
def test_pictures_and_a_clip_come_out_of_a_farm_behind_a_pooler(pooled_farm: RunningFarm) -> None:
    pictures = pooled_farm.client.submit("sana-demo", ["a red circle", "蓝色背景上的红色圆形"], seed_count=4)
    sprint = pooled_farm.client.submit("sprint-demo", "a green star", seed_count=20)
    clip = pooled_farm.client.submit("wan-demo", "a red circle moves left on a blue background")
    dropped = pooled_farm.client.submit("wan-demo", "a green square", seed_count=3)
    pooled_farm.client.cancel(dropped.id)

    for job, renders in ((pictures, 8), (sprint, 20), (clip, 1)):
        pooled_farm.client.wait(job.id, timeout=600)
        pooled_farm.assert_nothing_lost_or_doubled(job.id, renders)
    assert pooled_farm.client.job(dropped.id).status == "cancelled"
    logs = "".join(path.read_text() for path in (pooled_farm.stack.settings.data_dir / "logs").glob("*.log"))
    assert "prepared statement" not in logs
    assert "duty failed" not in logs
