"""A worker that is told to end ends its engine, whatever the engine is doing."""

import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from tests.waiting import eventually
from workers.agent import engine_supervisor
from workers.agent.engine_supervisor import EngineSupervisor
from workers.engine_start import EngineProcess, start_process

#: An engine that says that it is alive, all the time, until something is said to it.
_TALKS = """
import sys
from multiprocessing.connection import Connection
wire = Connection(int(sys.argv[-1]))
while not wire.poll(0.05):
    wire.send("beat")
"""
#: One that listens to nobody, as while it loads a model or is inside a long pass.
_DEAF = _TALKS.replace("while not wire.poll(0.05)", "while not wire.poll(0.05) or True")


class Starts:
    """Starts processes when it is let, as a fork server that still imports does, and knows them."""

    def __init__(self) -> None:
        self.asked, self.let = threading.Event(), threading.Event()
        self.processes: list[EngineProcess] = []

    def __call__(self, command: Sequence[str], wire: int, stderr: int | None) -> EngineProcess:
        self.asked.set()
        self.let.wait()
        self.processes.append(start_process(command, wire, stderr))
        return self.processes[-1]


@contextmanager
def supervised(engine: str) -> Iterator[tuple[EngineSupervisor, Starts, list[object]]]:
    """A supervisor of such an engine that is being started, who starts it, and what it said."""
    starts, heard = Starts(), list[object]()
    supervisor = EngineSupervisor(
        [sys.executable, "-c", engine], hang_seconds=60, on_message=heard.append, on_death=print, start=starts
    )
    supervisor.start()
    try:
        yield supervisor, starts, heard
    finally:
        starts.let.set()
        for process in starts.processes:
            process.kill()


def stopping(supervisor: EngineSupervisor) -> threading.Thread:
    thread = threading.Thread(target=supervisor.stop, daemon=True)
    thread.start()
    return thread


def test_a_worker_that_is_told_to_end_while_its_engine_starts_ends() -> None:
    with supervised(_TALKS) as (supervisor, starts, _):
        starts.asked.wait()
        thread = stopping(supervisor)
        eventually(supervisor._stopping.is_set)
        starts.let.set()
        eventually(lambda: not thread.is_alive())
        [process] = starts.processes
        assert process.wait() == 0, "it was asked, not killed"


def test_an_engine_that_goes_on_talking_after_it_was_asked_to_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_supervisor, "_STOP_SECONDS", 0.2)
    with supervised(_DEAF) as (supervisor, starts, heard):
        starts.let.set()
        eventually(lambda: heard)
        thread = stopping(supervisor)
        eventually(lambda: not thread.is_alive())
