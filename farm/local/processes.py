"""Keeps programs running: starts them, starts the fallen again, stops all in reverse order.

One thread starts every child and lives as long as they do: the kernel ends a child when the thread that
started it ends, so nothing is left behind, whatever happens to this process.
"""

import queue
import signal
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from pathlib import Path

import structlog

from farm.forking.client import ForkServer
from farm.local.child import Child, RunningProcess
from farm.local.program import Program, StartFailed

log = structlog.get_logger(__name__)

#: How often the thread looks whether a child has fallen, and how often a readiness question is asked again.
LOOK_SECONDS = 0.5
ASK_SECONDS = 0.05
#: Who has waited long asks less often: after this share of the time that has passed, at most every LOOK_SECONDS.
ASK_SHARE = 0.02
#: Waits before the first, second, … start after a fall; a child that stood for STEADY_SECONDS begins anew.
WAITS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
STEADY_SECONDS = 60.0
#: What may be forked waits so long for a fork server that fell with it; then it is started as a process of its own.
FORK_SERVER_SECONDS = 10.0


class Kept:
    """A program that is kept running, and its present child."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.child: Child | None = None
        self.was_ready = False
        self.falls = 0
        self.start_at: float | None = None  # monotonic; set while it waits to be started again


class Processes:
    """The children of one stack. `notify` hears, in words for people, when one falls and is started again."""

    def __init__(self, logs: Path, notify: Callable[[str], None], keep_open: int | None = None) -> None:
        """Logs go to the folder `logs`; `keep_open` is a file descriptor that every child inherits."""
        self.fork_server: ForkServer | None = None  #: forks the programs that may be forked, from when it is set
        self._logs = logs
        self._notify = notify
        self._keep_open = keep_open
        self._kept: dict[str, Kept] = {}
        self._orders: queue.SimpleQueue[tuple[Program, Future[Child]]] = queue.SimpleQueue()
        self._ending = threading.Event()
        self._lock = threading.RLock()
        self._thread = threading.Thread(target=self._keep, name="farm-processes", daemon=True)
        self._thread.start()

    def start(self, program: Program, *, keep_at_once: bool = False, started: RunningProcess | None = None) -> None:
        """Start it and keep it running; return without waiting until it is ready. Raises StartFailed.

        It is started again after a fall once `wait_ready` has seen it ready, with `keep_at_once` from now on.
        `started`: it runs already.
        """
        kept = Kept(program)
        kept.was_ready = keep_at_once
        with self._lock:
            self._kept[program.name] = kept
            kept.child = Child(program, self._logs, started=started) if started else self._spawn(program)

    def wait_ready(self, names: Iterable[str], on_ready: Callable[[str], None] = lambda name: None) -> None:
        """Wait until each of these can be used; `on_ready` hears of each.

        Raises StartFailed as soon as one ends or takes too long.
        """
        waiting = [self._kept[name] for name in names]
        since = time.monotonic()
        while waiting:
            for kept in list(waiting):
                if self._is_ready(kept):
                    kept.was_ready = True
                    waiting.remove(kept)
                    on_ready(kept.program.name)
                elif time.monotonic() - since > kept.program.ready_seconds:
                    raise self._child(kept.program.name).failed(f"was not ready after {kept.program.ready_seconds:g} s")
            waited = time.monotonic() - since
            time.sleep(min(max(ASK_SECONDS, ASK_SHARE * waited), LOOK_SECONDS) if waiting else 0)

    def pid(self, name: str) -> int:
        """The pid of a running program's child."""
        return self._child(name).pid

    def names(self) -> list[str]:
        """Those that are kept running, in the order of their start."""
        return list(self._kept)

    def send(self, name: str, number: signal.Signals) -> None:
        """Send a signal to one; if it ends by that it is started again, as after any fall."""
        self._child(name).signal(number)

    def restart(self, name: str) -> None:
        """Stop one in its own way, start it again, wait until it is ready. Raises StartFailed."""
        kept = self._kept[name]
        with self._lock:
            child = self._child(name)
            child.signal(kept.program.stop_signal)
            child.finish(kept.program.stop_seconds)
            kept.was_ready, kept.start_at = False, None
            kept.child = self._spawn(kept.program)
        self.wait_ready([name])

    def stop(self) -> None:
        """Stop all: the upper tier at once, then the lower, each for its own `stop_seconds`; then kill."""
        self._ending.set()
        with self._lock:
            running = [kept.child for kept in self._kept.values() if kept.child is not None]
            for tier in sorted({child.program.tier for child in running}, reverse=True):
                falling = [child for child in reversed(running) if child.program.tier == tier]
                for child in falling:
                    child.signal(child.program.stop_signal)
                for child in falling:
                    child.finish(child.program.stop_seconds)
            self._kept.clear()
        self._thread.join()

    def kill(self) -> None:
        """End all at once, without waiting; `stop` must still be called, or still runs."""
        self._ending.set()
        for kept in list(self._kept.values()):
            if kept.child is not None:
                kept.child.signal(signal.SIGKILL)

    def _child(self, name: str) -> Child:
        child = self._kept[name].child
        if child is None:
            raise StartFailed(f"{name} does not run")
        return child

    def _is_ready(self, kept: Kept) -> bool:
        child = self._child(kept.program.name)
        if not child.alive:
            raise child.failed(child.how_it_ended())
        return child.is_ready()

    def _spawn(self, program: Program) -> Child:
        if threading.current_thread() is self._thread:
            return Child(program, self._logs, self._keep_open, self.fork_server)
        answer: Future[Child] = Future()
        self._orders.put((program, answer))
        return answer.result()

    def _keep(self) -> None:
        """The thread: starts what is ordered, looks after what was started."""
        while not (self._ending.is_set() and self._orders.empty() and not self._kept):
            try:
                program, answer = self._orders.get(timeout=LOOK_SECONDS)
            except queue.Empty:
                self._look_after_all()
                continue
            try:
                answer.set_result(self._spawn(program))
            except Exception as error:  # whatever it is, who ordered it must hear of it
                answer.set_exception(StartFailed(f"{program.name} cannot be started: {error}"))

    def _look_after_all(self) -> None:
        # Who holds the lock starts or stops children, and may wait for this thread: never wait for him.
        if self._ending.is_set() or not self._lock.acquire(blocking=False):
            return
        try:
            for kept in list(self._kept.values()):
                if kept.was_ready:
                    self._look_after(kept)
        except Exception:  # if this thread ended, so would all children
            log.exception("looking after the processes failed")
        finally:
            self._lock.release()

    def _was_meant(self, kept: Kept, child: Child) -> bool:
        """Whether it ended as it should: then it is forgotten."""
        try:
            meant = child.process.returncode == 0 and kept.program.meant_to_end(child.pid)
        except Exception:  # any error of the database: then it is started again, and asked to end again
            meant = False
        if meant:
            child.finish(0.0)
            del self._kept[kept.program.name]
            self._notify(f"{kept.program.name} has ended, as it was told.")
        return meant

    def _fork_server_seconds(self, program: Program) -> float:
        """How much longer a start may wait for the fork server, which listens as soon as it is started again."""
        away = program.forked and self.fork_server is not None and not self.fork_server.path.exists()
        return FORK_SERVER_SECONDS if away else 0.0

    def _look_after(self, kept: Kept) -> None:
        child, now = kept.child, time.monotonic()
        if child is None or child.alive:
            return
        if kept.start_at is None and self._was_meant(kept, child):
            return
        if kept.start_at is None:
            kept.falls = 0 if now - child.started > STEADY_SECONDS else kept.falls
            wait = WAITS[min(kept.falls, len(WAITS) - 1)]
            kept.falls += 1
            kept.start_at = now + wait
            child.finish(0.0)
            self._notify(f"{kept.program.name} {child.how_it_ended()}; starting it again in {wait:g} s")
            log.warning("child fell", name=kept.program.name, end=child.how_it_ended(), falls=kept.falls)
        elif now >= kept.start_at + self._fork_server_seconds(kept.program):
            kept.start_at = None
            try:
                kept.child = self._spawn(kept.program)
            except OSError as error:
                self._notify(f"{kept.program.name} cannot be started: {error}")
                kept.start_at = now + WAITS[-1]
                return
            self._notify(f"{kept.program.name} was started again (pid {kept.child.pid})")
