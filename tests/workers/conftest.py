"""One torch thread, as workers on small machines have; and tiny models saved once for all tests that load."""

import gc
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
import torch

from tests.workers import tiny_pipelines


@pytest.fixture(scope="session", autouse=True)
def _libraries_are_no_garbage() -> None:
    """What torch, diffusers and transformers hold is not looked through each time that an engine frees memory."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """From a family's name to a folder with its tiny model. Read-only."""
    root = tmp_path_factory.mktemp("models")
    return cache(lambda family: tiny_pipelines.save(family, root / family))
