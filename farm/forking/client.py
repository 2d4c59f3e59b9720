"""Asking a fork server for a process, and what it is to who asked: as `subprocess.Popen` has it."""

import json
import select
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from farm.forking.requests import ForkRequest

#: For the fork server's answer: it may still be importing.
_ANSWER_SECONDS = 120.0
_LOOK_SECONDS = 0.2


class ForkRefused(RuntimeError):
    """The fork server does not answer, or cannot fork such a process; the message says why."""


class ForkServer:
    """The fork server at a socket. `again_seconds`: how long one that does not listen is waited for."""

    def __init__(self, path: Path, again_seconds: float = 0.0) -> None:
        self.path = path
        self._again_seconds = again_seconds

    def fork(self, request: ForkRequest, descriptors: Sequence[int]) -> "ForkedProcess":
        """`descriptors`: one that the process is for, its stdout, its stderr. Raises ForkRefused."""
        connection = self._connect()
        try:
            socket.send_fds(connection, [b"!"], descriptors)
            connection.sendall(json.dumps(asdict(request)).encode() + b"\n")
            return ForkedProcess(connection)
        except (OSError, ForkRefused) as error:
            connection.close()
            raise ForkRefused(f"{self.path}: {error}") from error

    def _connect(self) -> socket.socket:
        until = time.monotonic() + self._again_seconds
        while True:
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.connect(str(self.path))
                return connection
            except OSError as error:
                connection.close()
                if time.monotonic() >= until:
                    raise ForkRefused(f"{self.path}: {error}") from error
                time.sleep(_LOOK_SECONDS)


class ForkedProcess:
    """A process that a fork server has forked for us; it ends when we do. Threads may share it."""

    def __init__(self, connection: socket.socket) -> None:
        """Reads the first answer. Raises ForkRefused, OSError."""
        self._connection = connection
        self._unread = b""
        self._reading = threading.Lock()
        self.returncode: int | None = None
        answer = self._answer(_ANSWER_SECONDS)
        if answer is None or "pid" not in answer:
            raise ForkRefused("no answer" if answer is None else str(answer.get("refused", "it has ended")))
        self.pid = int(answer["pid"])

    def poll(self) -> int | None:
        """Its exit status, or None while it runs."""
        if self.returncode is None and self._reading.acquire(blocking=False):  # who reads now will say it
            try:
                self._hear_end(0.0)
            finally:
                self._reading.release()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status; that of a kill if the fork server was lost, and all that it forked with it.

        Raises subprocess.TimeoutExpired.
        """
        with self._reading:
            self._hear_end(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired("the forked process", timeout or 0)
        return self.returncode

    def send_signal(self, number: signal.Signals) -> None:
        """The fork server sends it: to us its pid says nothing once it may have ended."""
        if self.returncode is None:
            try:
                self._connection.sendall(b"%d\n" % number)
            except OSError:
                return  # the fork server is gone, and with it the process

    def kill(self) -> None:
        """End it at once, if it has not ended."""
        self.send_signal(signal.SIGKILL)

    def _hear_end(self, seconds: float | None) -> None:
        if self.returncode is not None or (answer := self._answer(seconds)) is None:
            return
        self.returncode = int(answer.get("status", -signal.SIGKILL))
        self._connection.close()

    def _answer(self, seconds: float | None) -> Mapping[str, Any] | None:
        """The next line that the fork server says, {} when it is gone; None if nothing came for so long."""
        deadline = None if seconds is None else time.monotonic() + seconds
        while b"\n" not in self._unread:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            if not select.select([self._connection], [], [], left)[0]:
                return None
            try:
                part = self._connection.recv(65_536)
            except OSError:
                part = b""
            if not part:
                return {}
            self._unread += part
        line, _, self._unread = self._unread.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer
