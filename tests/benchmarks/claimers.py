"""Claimers in processes of their own, as workers are; told over a pipe what to do next."""

import multiprocessing
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from farm.database import make_engine
from farm.ids import new_id
from scheduler.claims.claim_batch import Claim, Claimer, claim
from scheduler.leases.settle import Settlement, settle
from tests.benchmarks.backlogs import POOL
from tests.scheduler.farms import done

#: Claims after which a claimer settles what it took, when it is to settle.
SETTLE_EVERY = 64


@dataclass
class TimedClaimer:
    """One worker's claims on one database."""

    url: str

    def __post_init__(self) -> None:
        self.engine = make_engine(self.url)
        self.worker_id = new_id()
        self.claimer = Claimer(POOL, self.worker_id, 3600.0)

    def claim(self, capacity: int) -> Claim | None:
        """One claim, at the time of the wall clock."""
        return claim(self.engine, self.claimer, capacity=capacity, now=time.time())

    def timed(self, count: int, capacity: int) -> list[float]:
        """How long each of so many claims took, commit included, in ms."""
        found = []
        for _ in range(count):
            began = time.perf_counter()
            taken = self.claim(capacity)
            found.append((time.perf_counter() - began) * 1000)
            if taken is None:
                raise RuntimeError("The backlog has run out.")
        return found

    def work(self, count: int, capacity: int, settles: bool) -> list[str]:
        """So many claims, settled in groups if they are to be; the ids of what was claimed."""
        ids: list[str] = []
        held: list[Settlement] = []
        for turn in range(count):
            taken = self.claim(capacity)
            if taken is None:
                break
            ids += [render.id for render in taken.renders]
            if settles:
                held += [done(render, 1.0) for render in taken.renders]
            if held and (turn % SETTLE_EVERY == SETTLE_EVERY - 1 or turn == count - 1):
                settle(self.engine, held, time.time(), pool=POOL, worker_id=self.worker_id)
                held = []
        if held:
            settle(self.engine, held, time.time(), pool=POOL, worker_id=self.worker_id)
        return ids


def _serve(pipe: Connection) -> None:
    """A process: does what it is told until it is told nothing."""
    claimers: dict[str, TimedClaimer] = {}
    while (told := pipe.recv()) is not None:
        url, method, arguments = told
        claimer = claimers.setdefault(url, TimedClaimer(url))
        try:
            pipe.send(getattr(claimer, method)(*arguments))
        except Exception as error:
            pipe.send(error)
    for claimer in claimers.values():
        claimer.engine.dispose()


@dataclass
class ClaimerProcesses:
    """Claimers that work at the same time."""

    pipes: Sequence[Connection]

    def all(self, url: str, method: str, *arguments: Any) -> list[Any]:
        """Every claimer does this at once; what each gave."""
        for pipe in self.pipes:
            pipe.send((url, method, arguments))
        answers = [pipe.recv() for pipe in self.pipes]
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        return [item for answer in answers for item in answer]


@contextmanager
def claimer_processes(size: int) -> Iterator[ClaimerProcesses]:
    """So many processes, started afresh: they share nothing but the database."""
    context = multiprocessing.get_context("spawn")
    pipes, processes = [], []
    for _ in range(size):
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs,), daemon=True)
        process.start()
        pipes.append(ours)
        processes.append(process)
    try:
        yield ClaimerProcesses(pipes)
    finally:
        for pipe in pipes:
            pipe.send(None)
        for process in processes:
            process.join(timeout=30)
