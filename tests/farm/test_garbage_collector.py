"""The garbage collector rests while modules are imported, and is afterwards as it was."""

import gc
from collections.abc import Iterator
from contextlib import suppress

import pytest

from farm.garbage_collector import collector_paused


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    gc.enable()


@pytest.mark.parametrize("was_on", [True, False])
def test_it_rests_inside_and_is_as_it_was_behind_also_after_an_error(was_on: bool) -> None:
    if not was_on:
        gc.disable()
    inside = None
    with suppress(ImportError), collector_paused():
        inside = gc.isenabled()
        raise ImportError
    assert inside is False
    assert gc.isenabled() is was_on
