"""A client of a farm that says what a test tells it to say."""

from collections.abc import Iterator

import pytest
import stamina

from farm.client import FarmClient
from tests.farm.scripted_farm import KEY, ScriptedFarm, scripted_farm


@pytest.fixture
def no_pauses() -> Iterator[None]:
    """Tries follow each other at once, five at most."""
    with stamina.set_testing(True, attempts=5):
        yield


@pytest.fixture
def farm() -> Iterator[ScriptedFarm]:
    with scripted_farm() as farm:
        yield farm


@pytest.fixture
def client(farm: ScriptedFarm) -> Iterator[FarmClient]:
    with FarmClient(farm.url, KEY, timeout=10) as client:
        yield client
