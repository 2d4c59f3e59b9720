"""The programs that judge `deploy/`: .ci/deploy-tools fetches them."""

from pathlib import Path

import pytest

from tests.clean_environments import ROOT

TOOLS = ROOT / "build/deploy-tools"


@pytest.fixture(scope="session")
def tools() -> Path:
    """The folder of the programs."""
    if not (TOOLS / ".ready").exists():
        pytest.skip("needs kubectl, Helm's library, hadolint and compose: .ci/deploy-tools fetches them")
    return TOOLS / "bin"
