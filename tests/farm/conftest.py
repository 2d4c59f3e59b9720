"""A farm with the real dashboard, for the tests of this folder."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.farm.dashboards import DashboardFarm, dashboard_farm
from tests.servers import S3


@pytest.fixture
def dashboard(migrated_sqlite: Path, tmp_path: Path, valkey_url: str, s3: S3) -> Iterator[DashboardFarm]:
    """A farm without workers: the test does their work by hand, when it wants."""
    path = tmp_path / "farm.sqlite3"
    shutil.copy(migrated_sqlite, path)
    with dashboard_farm(f"sqlite:///{path}", valkey_url, s3) as farm:
        yield farm
