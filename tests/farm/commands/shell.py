"""Fixtures: the command line as a user of a farm has it, and a worker beside it."""

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from farm.cli import build_app
from farm.lifecycle import Outcome
from tests.farm.dashboards import DashboardFarm
from tests.waiting import eventually

Farm = Callable[..., Result]


@pytest.fixture
def environment(dashboard: DashboardFarm, tmp_path: Path) -> dict[str, str]:
    """What a user of the farm has in his shell."""
    return {**os.environ, "FARM_URL": dashboard.url, "FARM_KEY": dashboard.key, "FARM_DATA_DIR": str(tmp_path)}


@pytest.fixture
def farm(environment: dict[str, str]) -> Farm:
    """The command, in a pipe."""

    def run(*arguments: str, stdin: str = "") -> Result:
        return CliRunner().invoke(build_app(), list(arguments), input=stdin, env=environment)

    return run


@pytest.fixture
def worker(dashboard: DashboardFarm) -> Callable[[Outcome], threading.Thread]:
    """Starts a worker that does the first work which comes."""

    def start(outcome: Outcome) -> threading.Thread:
        def work() -> None:
            dashboard.finish(eventually(dashboard.take), outcome)

        thread = threading.Thread(target=work)
        thread.start()
        return thread

    return start


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "farm", *arguments]
