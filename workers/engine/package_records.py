"""What is installed, by the records of all packages: some three hundred files, which several libraries read anew."""

import importlib.metadata
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache


@contextmanager
def records_read_once() -> Iterator[None]:
    """Inside, whoever asks which packages there are shares one answer: diffusers 0.42 and transformers 5 each ask as
    they are imported, which was a tenth of what a fork server imports.
    """
    asked = importlib.metadata.packages_distributions
    importlib.metadata.packages_distributions = cache(asked)
    try:
        yield
    finally:
        importlib.metadata.packages_distributions = asked
