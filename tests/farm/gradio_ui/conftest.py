"""A page that all tests of this folder visit."""

from collections.abc import Iterator

import pytest

from tests.farm.dashboards import DashboardFarm
from tests.farm.gradio_ui.pages import READY, Page, running_page


@pytest.fixture(scope="session")
def page(dashboard_server: DashboardFarm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    if not READY.exists():
        pytest.skip("needs Gradio, in an environment of its own: deploy/setup-gradio makes it")
    with running_page(dashboard_server, tmp_path_factory.mktemp("downloads")) as page:
        yield page


@pytest.fixture
def anyio_backend() -> str:
    """Gradio runs on asyncio, and so does our client."""
    return "asyncio"
