"""Others who use a dashboard while somebody asks much of it: one asks for its health, one watches a live page."""

import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import httpx

from farm.progress import StepProgress
from tests.dashboard.conftest import House

#: Between two steps that a worker tells. The steps are the clock of these tests: nothing else is measured.
_STEP_SECONDS = 0.02


@dataclass
class Heard:
    """What happened between a request and its answer: steps told by a worker, and what others got meanwhile."""

    told: int
    events: int
    answers: int

    def went_on(self) -> None:
        """The page heard most of what was told, and whoever asked for the health got answers all along."""
        # A few steps are always on their way; what one piece of computing holds up comes right behind it.
        assert self.events >= self.told / 2 - 10, self
        assert self.answers >= self.told / 50 - 1, self


class Crowd:
    """Counts. Made by :func:`crowd`."""

    def __init__(self) -> None:
        self.told = self.events = self.answers = 0
        self.headers: dict[str, str] = {}  # of the project that they belong to

    def during(self, ask: Callable[[], Any]) -> tuple[Any, Heard]:
        """What `ask` returns, and what happened meanwhile."""
        told, events, answers = self.told, self.events, self.answers
        answer = ask()
        return answer, Heard(self.told - told, self.events - events, self.answers - answers)


@contextmanager
def crowd(house: House, url: str) -> Iterator[Crowd]:
    """People at a served house with a Valkey, until the block ends."""
    found, stop, begun = Crowd(), threading.Event(), threading.Event()
    job = house.submit()
    render = house.renders(job["id"])[0]["id"]

    def tell() -> None:
        for number in itertools.count():
            if stop.wait(_STEP_SECONDS):
                return
            step = StepProgress(
                job_id=job["id"], project_id=house.ours.project_id, render_id=render,
                phase="denoise", step=number, steps=10**9,
            )  # fmt: skip
            house.connections.progress.report([step])
            house.connections.progress.flush()  # else a step that is not sent yet gives way to the next one
            found.told += 1

    def ask() -> None:
        with httpx.Client(base_url=url, timeout=300, verify=False) as client:
            while not stop.is_set():
                found.answers += client.get("/healthz").status_code == 200
                stop.wait(_STEP_SECONDS / 2)

    def watch() -> None:
        with (
            suppress(httpx.RemoteProtocolError),  # the server stops while the page is open
            httpx.Client(base_url=url, headers=house.ours.headers, timeout=300, verify=False) as client,
            client.stream("GET", "/api/v1/live", params={"job": job["id"]}) as lines,
        ):
            for line in lines.iter_lines():
                found.events += line.startswith("event: step")
                if found.events:
                    begun.set()
                if stop.is_set():
                    return

    threads = [threading.Thread(target=work, daemon=True) for work in (watch, tell, ask)]
    for thread in threads:
        thread.start()
    try:
        assert begun.wait(120), "no event came"
        yield found
    finally:
        stop.set()
        for thread in threads[1:]:
            thread.join()
