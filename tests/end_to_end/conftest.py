"""One shared farm for all tests of this folder; the PostgreSQL farm has a module of its own."""

from collections.abc import Iterator

import pytest

from tests.end_to_end.farms import RunningFarm, quick_settings, running_farm


@pytest.fixture(scope="session")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningFarm]:
    """A whole farm on SQLite, with one worker for each demo model."""
    yield from running_farm(tmp_path_factory.mktemp("farm"), quick_settings)
