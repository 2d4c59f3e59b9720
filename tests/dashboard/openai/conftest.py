"""The real `openai` package before a real dashboard, whose renders are made by a hand of the test's."""

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from openai import AsyncOpenAI, OpenAI

from farm.client import FarmClient
from farm.lifecycle import Outcome
from farm.local.program import Server
from tests.farm.dashboards import DashboardFarm, dashboard_farm
from tests.servers import S3

POOLS = ("sana-demo-local", "sprint-demo-local", "wan-demo-local")


@pytest.fixture(scope="session")
def openai_server(
    migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory, valkey_server: Server, s3: S3
) -> Iterator[DashboardFarm]:
    """The one dashboard of these tests."""
    path = tmp_path_factory.mktemp("openai") / "farm.sqlite3"
    shutil.copy(migrated_sqlite, path)
    with dashboard_farm(f"sqlite:///{path}", valkey_server.url, s3) as farm:
        yield farm


@pytest.fixture
def dashboard(openai_server: DashboardFarm) -> Iterator[DashboardFarm]:
    """A farm without workers, for a project of the test's own."""
    with openai_server.new_project() as farm:
        yield farm


@pytest.fixture
def client(dashboard: DashboardFarm) -> Iterator[OpenAI]:
    """The package's client, which asks again as often as it does by default."""
    with OpenAI(base_url=f"{dashboard.url}/v1", api_key=dashboard.key) as client:
        yield client


@pytest.fixture
def make_async(dashboard: DashboardFarm) -> Callable[[], AsyncOpenAI]:
    """Makes the package's asynchronous client, inside of a loop."""
    return lambda: AsyncOpenAI(base_url=f"{dashboard.url}/v1", api_key=dashboard.key)


@contextmanager
def at_work(farm: DashboardFarm, outcome: Outcome = Outcome.DONE) -> Iterator[None]:
    """Somebody who does all that comes in, as workers of all pools do."""
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(0.02):
            for pool in POOLS:
                if renders := farm.take(pool=pool):
                    farm.finish(renders, outcome)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def jobs_of(farm: DashboardFarm) -> list[str]:
    """The status of each job of the project, the newest first."""
    with FarmClient(farm.url, farm.key) as client:
        return [job.status for job in client.jobs()]
