"""Work that only computes, in threads beside the event loop.

All requests of a process run in one thread, as greenlets: what computes in one of them holds all others, live pages
too. What is handed over here runs in a native thread. Two kinds of work come: C code that lets go of the interpreter
(argon2, Pillow), which costs the others nothing, and our own Python, which has to let go of it every SWITCH_SECONDS.
So a loaded process answers later by a few such pieces for each answer, and never not at all. Nothing here can be
stopped in its middle: what is handed over must have a bound, and files of strangers are not read here but in processes
with limits (:mod:`farm.confined_process`).
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass

from flask import g, has_request_context
from gevent import get_hub
from gevent.threadpool import ThreadPool

from dashboard.serving.concurrency_limits import Turns
from farm.cpu_work import Made

#: How long Python computes before another thread has its turn; Python's own 5 ms add up for who asks for it often.
SWITCH_SECONDS = 0.001


class Beside:
    """`farm.cpu_work.CpuWork` for a process with an event loop; made in its own process, after any fork."""

    def __init__(self, turns: Turns, threads: int) -> None:
        """`turns`: how many at once and for each project, at the most `threads`."""
        sys.setswitchinterval(SWITCH_SECONDS)
        self._turns, self._threads = turns, threads
        self._pool: ThreadPool | None = None

    def __call__(self, work: Callable[[], Made], /) -> Made:
        """Wait for a turn, then for the work. Raises Busy."""
        with self._turns.of(_who()):
            if self._pool is None:
                self._pool = ThreadPool(self._threads, hub=get_hub())
            done: Made | _Raised = self._pool.apply(_outcome, (work,))
        if isinstance(done, _Raised):
            raise done.error
        return done


@dataclass(frozen=True)
class _Raised:
    """What a piece of work raised: the pool would write a traceback of it into the log, also of a refused body."""

    error: Exception


def _outcome(work: Callable[[], Made]) -> Made | _Raised:
    try:
        return work()
    except Exception as error:
        return _Raised(error)


def computing() -> Beside:
    """For what projects ask: one piece of each at a time, so that nobody waits long for another one's."""
    text = "This farm is computing for others at the moment, or for earlier requests of yours; send it again."
    return Beside(Turns(at_once=2, each=1, waiting=32, seconds=60.0, text=text), threads=2)


def hashing() -> Beside:
    """For passwords: of people who are nobody yet. One hash takes 64 MiB and tens of milliseconds of a core."""
    text = "Too many people are signing in at the moment; try again in a few seconds."
    return Beside(Turns(at_once=2, each=2, waiting=128, seconds=60.0, text=text), threads=2)


def _who() -> str:
    found = g.get("principal") if has_request_context() else None
    return found.project_id if found is not None else ""
