"""The parent's end of the wire to an engine process: start it, talk to it, see it hang or die, start it again."""

import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any

import structlog

from workers.agent.telemetry.log_tail import LogTail
from workers.engine_start import EngineProcess, StartProcess, start_process
from workers.protocol import GROUP_LOST, STATE_IN_DOUBT, EngineFacts, Ready, Stop

log = structlog.get_logger(__name__)

RESTART_SECONDS = (0.5, 1, 2, 5, 10, 30)  # waits before the first, second, … restart in a row
_POLL_SECONDS = 2.0  # at the most: the engine is looked at, and one that hangs is seen by that
_LOG_SECONDS = 1.0  # for its last lines to be read, after it is gone
_STOP_SECONDS = 5.0  # to end by itself after Stop, before it is killed


class EngineSupervisor:
    """Keeps one engine process alive in a thread of its own.

    Parameters:
        command: how to start the engine; `--fd N` is added, the wire's end in the child.
        hang_seconds: an engine that says nothing for so long is killed; it speaks between steps and while loading.
        on_message: called in the link's thread with every message but Ready.
        on_ready: called in the link's thread when the engine has loaded its model.
        on_death: called in the link's thread with the reason, after the process is gone and before the next starts.
        log: takes what the engine writes to stderr; without it the engine writes to ours.
        start: how a process is started; given the command, the wire's end in the child, and its stderr.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        hang_seconds: float,
        on_message: Callable[[Any], None],
        on_death: Callable[[str], None],
        on_ready: Callable[[], None] = lambda: None,
        log: LogTail | None = None,
        start: StartProcess = start_process,
    ) -> None:
        self.ready = threading.Event()
        self.facts: EngineFacts | None = None
        self.restarts = 0
        self.failed_starts = 0  # in a row, without ever being ready
        self.pid: int | None = None
        self._command = list(command)
        self._hang_seconds = hang_seconds
        self._on_message = on_message
        self._on_death = on_death
        self._on_ready = on_ready
        self._log = log
        self._start_process = start
        self._stopping = threading.Event()
        self._sending = threading.Lock()
        self._wire: Connection | None = None
        self._thread = threading.Thread(target=self._keep, name="engine-link", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def send(self, message: Any) -> bool:
        """Send to the engine; False when there is none right now (the caller's renders come back by on_death)."""
        with self._sending:
            if self._wire is None:
                return False
            try:
                self._wire.send(message)
            except OSError:
                return False
            return True

    def stop(self) -> None:
        """End the engine, by asking first; returns when it is gone."""
        self._stopping.set()
        self.send(Stop())
        self._thread.join()

    def _keep(self) -> None:
        while not self._stopping.is_set():
            was_ready, reason = self._run_once()
            if self._stopping.is_set():
                return
            self.failed_starts = 0 if was_ready else self.failed_starts + 1
            self.restarts += 1
            log.error("engine died", reason=reason, restarts=self.restarts)
            self._on_death(reason)
            self._stopping.wait(RESTART_SECONDS[min(self.failed_starts, len(RESTART_SECONDS) - 1)])

    def _run_once(self) -> tuple[bool, str]:
        """One life of an engine: whether it became ready, and why it ended."""
        ours, theirs = socket.socketpair()
        reading, stderr = self._follow_log()
        with theirs:
            try:
                process = self._start_process(self._command, theirs.fileno(), stderr)
            finally:
                if stderr is not None:
                    os.close(stderr)
        wire = Connection(ours.detach())
        self.pid = process.pid
        with self._sending:
            self._wire = wire
        if self._stopping.is_set():
            self.send(Stop())  # `stop` may have come while there was nobody to ask
        try:
            reason = self._listen(wire)
        finally:
            was_ready = self.ready.is_set()
            self.ready.clear()
            with self._sending:
                self._wire = None
            wire.close()
            status = self._end(process, patient=self._stopping.is_set())
            if reading:
                reading.join(_LOG_SECONDS)
        return was_ready, reason or _last_words(status)

    def _follow_log(self) -> tuple[threading.Thread | None, int | None]:
        """Who reads what the next engine writes, and the descriptor that it writes to; neither where nobody does."""
        if self._log is None:
            return None, None
        ours, theirs = os.pipe()
        return self._log.follow(os.fdopen(ours, "rb")), theirs

    def _listen(self, wire: Connection) -> str:
        """Pass on what the engine says until it is gone; the reason if it had to be given up, else ''."""
        heard = time.monotonic()
        asked_to_stop: float | None = None
        while True:
            try:
                # One message a round: who never falls silent must not keep us from what stands below.
                if wire.poll(min(_POLL_SECONDS, self._hang_seconds / 4)):
                    message = wire.recv()
                    heard = time.monotonic()
                    if isinstance(message, Ready):
                        self.facts, self.failed_starts = message.facts, 0
                        self.ready.set()
                        self._on_ready()
                    else:
                        self._on_message(message)
            except (EOFError, OSError):
                return ""
            if self._stopping.is_set():
                asked_to_stop = asked_to_stop or time.monotonic()
                if time.monotonic() - asked_to_stop > _STOP_SECONDS:
                    return "stopped"
            elif time.monotonic() - heard > self._hang_seconds:
                return f"The engine said nothing for {self._hang_seconds:.0f} s and was killed."

    @staticmethod
    def _end(process: EngineProcess, *, patient: bool) -> int:
        """Wait for its end, then kill it; its exit status."""
        try:
            return process.wait(_STOP_SECONDS if patient else 0.5)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()


def _last_words(returncode: int) -> str:
    if returncode < 0:
        return f"The engine process was killed by signal {-returncode}."
    if returncode == GROUP_LOST:
        return "A rank of the engine's group died or failed, so the whole group ended; the worker's log says which."
    if returncode == STATE_IN_DOUBT:
        return "The engine could not put its model right after a render, so it ended; the worker's log says why."
    return f"The engine process ended by itself with exit code {returncode}; its last lines are in the worker's log."
