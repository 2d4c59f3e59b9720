"""How a worker starts an engine: as a process of its own, or forked by the fork server of its machine.

The fork server (`workers.engine.fork_server`) has imported torch and diffusers once, for all workers of a machine:
what it forks begins at once and shares that memory. It is asked over a Unix socket: one byte with three descriptors
(the engine's end of the wire, stdout, stderr), then a line of JSON, a `ForkRequest`. It answers with the pid or a
reason why not, and with the exit status when the engine has ended. Who closes the socket before ends the engine.
"""

import json
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import structlog

log = structlog.get_logger(__name__)

#: The beginning of every engine's command; options follow.
ENGINE = (sys.executable, "-m", "workers.engine.process")
#: For a fork server that fell to be started again: its engines fall with it, and are there sooner.
_AGAIN_SECONDS = 10.0
#: For the fork server's answer: it may still be importing.
_ANSWER_SECONDS = 120.0
_LOOK_SECONDS = 0.2


class EngineProcess(Protocol):
    """An engine that was started, as `subprocess.Popen` has it."""

    pid: int

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status, negative for a signal. Raises subprocess.TimeoutExpired."""

    def kill(self) -> None:
        """End it at once, if it has not ended."""


@dataclass(frozen=True)
class ForkRequest:
    """What an engine shall be: the options of its command, its whole environment, its working directory."""

    options: list[str]
    environment: dict[str, str]
    folder: str
    worker_pid: int


#: How a process is started: the command, the descriptor of the wire's end, and that of stderr, if not ours.
StartProcess = Callable[[Sequence[str], int, int | None], EngineProcess]


class ForkRefused(RuntimeError):
    """The fork server does not answer, or cannot fork such an engine; the message says why."""


def start_process(command: Sequence[str], wire: int, stderr: int | None) -> EngineProcess:
    """A process of its own. `wire`: the descriptor of its end; `stderr`: where it writes, if not to ours."""
    return subprocess.Popen([*command, "--fd", str(wire)], pass_fds=[wire], stdin=subprocess.DEVNULL, stderr=stderr)


def engine_starter(fork_server: Path | None) -> StartProcess:
    """How engines start here, by the setting `engine_fork_server`."""
    return start_process if fork_server is None else ForkServer(fork_server).start


class ForkServer:
    """Starts engines through the fork server at a socket; while it does not answer, each as a process of its own."""

    def __init__(self, path: Path, again_seconds: float = _AGAIN_SECONDS) -> None:
        """`again_seconds`: how long a server that does not listen is waited for."""
        self._path = path
        self._again_seconds = again_seconds

    def start(self, command: Sequence[str], wire: int, stderr: int | None) -> EngineProcess:
        """As `start_process`; the command begins with `ENGINE`."""
        try:
            return self.fork(command[len(ENGINE) :], wire, stderr)
        except ForkRefused as error:
            log.warning("engine not forked, started as a process of its own", reason=str(error))
            return start_process(command, wire, stderr)

    def fork(self, options: Sequence[str], wire: int, stderr: int | None) -> "ForkedEngine":
        """Raises ForkRefused."""
        request = ForkRequest(list(options), dict(os.environ), os.getcwd(), os.getpid())
        connection = self._connect()
        try:
            socket.send_fds(connection, [b"!"], [wire, 1, 2 if stderr is None else stderr])
            connection.sendall(json.dumps(asdict(request)).encode() + b"\n")
            return ForkedEngine(connection)
        except (OSError, ForkRefused) as error:
            connection.close()
            raise ForkRefused(f"{self._path}: {error}") from error

    def _connect(self) -> socket.socket:
        """A server that is not there is waited for; raises ForkRefused when it does not come."""
        until = time.monotonic() + self._again_seconds
        while True:
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.connect(str(self._path))
                return connection
            except OSError as error:
                connection.close()
                if time.monotonic() > until:
                    raise ForkRefused(f"{self._path}: {error}") from error
                time.sleep(_LOOK_SECONDS)


class ForkedEngine:
    """An engine that the fork server has forked for us; it ends when we do."""

    def __init__(self, connection: socket.socket) -> None:
        """Reads the first answer. Raises ForkRefused, OSError."""
        self._connection = connection
        self._unread = b""
        self._returncode: int | None = None
        answer = self._answer(_ANSWER_SECONDS)
        if answer is None or "pid" not in answer:
            raise ForkRefused("no answer" if answer is None else str(answer.get("refused", "it has ended")))
        self.pid = int(answer["pid"])

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status; that of a kill if the fork server was lost, and all that it forked with it."""
        if self._returncode is None:
            answer = self._answer(timeout)
            if answer is None:
                raise subprocess.TimeoutExpired("the engine", timeout or 0)
            self._returncode = int(answer.get("status", -9))
            self._connection.close()
        return self._returncode

    def kill(self) -> None:
        """The fork server kills it: to us its pid says nothing once it may have ended."""
        if self._returncode is None:
            try:
                self._connection.sendall(b"kill\n")
            except OSError:
                return  # the fork server is gone, and with it the engine

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
