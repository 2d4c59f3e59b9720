"""The same farm, with PostgreSQL instead of SQLite: one setting is another, nothing else."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from farm.settings import Settings
from tests.databases import PostgresServer
from tests.end_to_end.farms import RunningFarm, quick_settings, running_farm


@pytest.fixture(scope="module")
def postgres_farm(tmp_path_factory: pytest.TempPathFactory, postgres_server: PostgresServer) -> Iterator[RunningFarm]:
    postgres_server.execute("CREATE DATABASE whole_farm")

    def settings(folder: Path) -> Settings:
        url = SecretStr(postgres_server.url("whole_farm"))
        return quick_settings(folder).model_copy(update={"database_url": url})

    yield from running_farm(tmp_path_factory.mktemp("postgres-farm"), settings)


@pytest.mark.long
def test_pictures_and_a_clip_come_out_of_a_farm_on_postgresql(postgres_farm: RunningFarm) -> None:
    pictures = postgres_farm.client.submit("sana-demo", ["a red circle", "蓝色背景上的红色圆形"], seed_count=3)
    sprint = postgres_farm.client.submit("sprint-demo", "a green star", seed_count=2)
    clip = postgres_farm.client.submit("wan-demo", "a red circle moves left on a blue background")

    for job, renders in ((pictures, 6), (sprint, 2), (clip, 1)):
        postgres_farm.client.wait(job.id, timeout=600)
        postgres_farm.assert_nothing_lost_or_doubled(job.id, renders)
    assert postgres_farm.connections.engine.dialect.name == "postgresql"
