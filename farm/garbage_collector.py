"""Python's garbage collector, where it only costs."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Iterator[None]:
    """Inside, nobody looks for garbage: around imports, which make much that stays and is walked over again and again.

    Of what `farm up` and an engine import it was a tenth to a seventh of the time (CPython 3.11).
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
