"""One shared farm for all tests of this folder; the PostgreSQL farm has a module of its own."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from farm.local import embedded_servers
from tests.end_to_end.farms import RunningFarm, quick_settings, running_farm
from tests.servers import thrown_away


@pytest.fixture(scope="package", autouse=True)
def _nobody_waits_for_the_storage_of_a_farm_that_is_over() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        in_order = embedded_servers.seaweed
        patch.setattr(embedded_servers, "seaweed", lambda *options: thrown_away(in_order(*options)))
        yield


@pytest.fixture(scope="package")  # it is stopped when these tests are done: an idle farm takes CPU, too
def farm(tmp_path_factory: pytest.TempPathFactory, example_plugin: Path) -> Iterator[RunningFarm]:
    """A whole farm on SQLite, with one worker for each demo model; its processes have the example's plugins."""
    with ExitStack() as resources:
        with pytest.MonkeyPatch.context() as patch:  # its processes keep what they were started with, this one does not
            patch.setenv("PYTHONPATH", str(example_plugin), prepend=os.pathsep)
            folder = tmp_path_factory.mktemp("farm")
            farm = resources.enter_context(contextmanager(running_farm)(folder, quick_settings))
        yield farm
