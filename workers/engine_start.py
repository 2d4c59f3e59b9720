"""How a worker starts an engine: as a process of its own, or forked by the fork server of its machine.

The fork server (`workers.engine.fork_server`) has imported torch and diffusers once, for all workers of a machine:
what it forks begins at once and shares that memory.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import structlog

from farm.forking.client import ForkedProcess, ForkRefused, ForkServer
from farm.forking.requests import ForkRequest

log = structlog.get_logger(__name__)

#: The beginning of every engine's command; options follow.
ENGINE = (sys.executable, "-m", "workers.engine.process")
#: For a fork server that fell to be started again: its engines fall with it, and are there sooner.
_AGAIN_SECONDS = 10.0


class EngineProcess(Protocol):
    """An engine that was started, as `subprocess.Popen` has it."""

    pid: int

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status, negative for a signal. Raises subprocess.TimeoutExpired."""

    def kill(self) -> None:
        """End it at once, if it has not ended."""


#: How a process is started: the command, the descriptor of the wire's end, and that of stderr, if not ours.
StartProcess = Callable[[Sequence[str], int, int | None], EngineProcess]


def start_process(command: Sequence[str], wire: int, stderr: int | None) -> EngineProcess:
    """A process of its own. `wire`: the descriptor of its end; `stderr`: where it writes, if not to ours."""
    return subprocess.Popen([*command, "--fd", str(wire)], pass_fds=[wire], stdin=subprocess.DEVNULL, stderr=stderr)


def engine_starter(fork_server: Path | None) -> StartProcess:
    """How engines start here, by the setting `engine_fork_server`."""
    return start_process if fork_server is None else EngineForkServer(fork_server).start


class EngineForkServer:
    """Starts engines through the fork server at a socket; while it does not answer, each as a process of its own."""

    def __init__(self, path: Path, again_seconds: float = _AGAIN_SECONDS) -> None:
        """`again_seconds`: how long a server that does not listen is waited for."""
        self._server = ForkServer(path, again_seconds)

    def start(self, command: Sequence[str], wire: int, stderr: int | None) -> EngineProcess:
        """As `start_process`; the command begins with `ENGINE`."""
        try:
            return self.fork(command[len(ENGINE) :], wire, stderr)
        except ForkRefused as error:
            log.warning("engine not forked, started as a process of its own", reason=str(error))
            return start_process(command, wire, stderr)

    def fork(self, options: Sequence[str], wire: int, stderr: int | None) -> ForkedProcess:
        """Raises ForkRefused."""
        request = ForkRequest(list(options), dict(os.environ), os.getcwd(), f"engine-{os.getpid()}")
        return self._server.fork(request, [wire, 1, 2 if stderr is None else stderr])
