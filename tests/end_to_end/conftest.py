"""One shared farm for all tests of this folder; the PostgreSQL farm has a module of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from farm.settings import Settings
from tests.end_to_end.farms import RunningFarm, running_farm


def quick_settings(folder: Path) -> Settings:
    """Leases and polls short enough that a test need not wait long for what takes half a minute in production."""
    return Settings(
        data_dir=folder,
        dashboard_port=0,
        lease_seconds=6,
        heartbeat_seconds=1,
        idle_poll_seconds=0.5,
        supervise_seconds=0.5,
        worker_gone_seconds=10,
        drain_seconds=2,
    )


@pytest.fixture(scope="session")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningFarm]:
    """A whole farm on SQLite, with one worker for each demo model."""
    yield from running_farm(tmp_path_factory.mktemp("farm"), quick_settings)
