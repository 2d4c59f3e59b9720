"""Where work goes that only computes: by default right here; beside an event loop into threads of its own.

The dashboard serves everybody in one thread. What computes for longer than a few milliseconds (reading a large body,
making ten thousand renders of it, a contact sheet) is handed to `Connections.cpu_work`, and the dashboard puts
something there that leaves its thread free (dashboard/serving/compute_threads.py). What is handed over must not ask a
database, Redis or S3: their connections belong to the thread that opened them.
"""

from collections.abc import Callable
from typing import Protocol, TypeVar

Made = TypeVar("Made")
#: JSON of so many bytes is read in less than a millisecond, and need not go aside.
QUICK_BYTES = 20_000


class CpuWork(Protocol):
    """Does a piece of work and returns what it returned, or raises what it raised."""

    def __call__(self, work: Callable[[], Made], /) -> Made: ...


def right_here(work: Callable[[], Made], /) -> Made:
    """For processes that serve nobody meanwhile."""
    return work()
