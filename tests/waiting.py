"""Waiting on facts, never on a clock."""

import time
from collections.abc import Callable
from typing import TypeVar

Fact = TypeVar("Fact")


def eventually(look: Callable[[], Fact], timeout: float = 240.0) -> Fact:
    """The first truthy answer of `look`; the test fails if there is none for `timeout` seconds.

    The timeout is only a bound for a farm that is broken, far above what a slow machine needs.
    """
    give_up = time.monotonic() + timeout
    while not (answer := look()):
        if time.monotonic() > give_up:
            raise AssertionError(f"{look} did not come true; it said {answer!r} at last")
        time.sleep(0.05)
    return answer
