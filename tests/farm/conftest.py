"""A farm with the real dashboard, for the tests of this folder."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from farm.local.program import Server
from tests.farm.dashboards import DashboardFarm, dashboard_farm
from tests.servers import S3


@pytest.fixture(scope="session")
def dashboard_server(
    migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory, valkey_server: Server, s3: S3
) -> Iterator[DashboardFarm]:
    """The one dashboard of these tests."""
    path = tmp_path_factory.mktemp("dashboard") / "farm.sqlite3"
    shutil.copy(migrated_sqlite, path)
    with dashboard_farm(f"sqlite:///{path}", valkey_server.url, s3) as farm:
        yield farm


@pytest.fixture
def dashboard(dashboard_server: DashboardFarm) -> Iterator[DashboardFarm]:
    """A farm without workers, for a project of the test's own: the test does the work by hand, when it wants."""
    # Its log would come out where the commands of a test put their answers: they share this process.
    with capture_logs(), dashboard_server.new_project() as farm:
        yield farm
