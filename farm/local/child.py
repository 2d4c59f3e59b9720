"""One started process: its pid, its log file, its end."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import IO

import structlog

from farm.forking.client import ForkedProcess, ForkRefused, ForkServer
from farm.forking.requests import ForkRequest
from farm.local.log_rotation import rotate_large
from farm.local.prefork import Preforked
from farm.local.program import Program, StartFailed

log = structlog.get_logger(__name__)

LAUNCH = Path(__file__).with_name("launch.py")
#: The kernel keeps so much of a process' name.
NAME_BYTES = 15
#: How much of a log an error shows.
TAIL_LINES = 15


#: A process that was forked from here, forked elsewhere, or started.
RunningProcess = Preforked | ForkedProcess | subprocess.Popen[bytes]


class Child:
    """A running program. The kernel ties its life to that of the thread that starts it, or of the fork server."""

    def __init__(
        self,
        program: Program,
        logs: Path,
        keep_open: int | None = None,
        fork_server: ForkServer | None = None,
        started: RunningProcess | None = None,
    ) -> None:
        """Start it; what it says goes to `logs/<name>.log`. It inherits the descriptor `keep_open`.

        `started`: it runs already, and writes there.
        """
        self.process: RunningProcess
        self.program = program
        self.log = logs / f"{program.name}.log"
        self.started = time.monotonic()
        if started is None:
            rotate_large(self.log)
        self.log.touch(mode=0o600)
        with self.log.open("ab") as output:
            self.process = (
                started or _fork(program, output, keep_open, fork_server) or _launch(program, output, keep_open)
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def is_ready(self) -> bool:
        """Whether it can be used. What the question raises means: not yet."""
        try:
            return self.program.ready()
        except Exception:  # any client library's any error, while its server starts
            return False

    def how_it_ended(self) -> str:
        """In words: 'was killed by SIGKILL', 'ended with code 1'."""
        code = self.process.poll()
        if code is None:
            return "runs"
        return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"

    def failed(self, what: str) -> StartFailed:
        """The error for `what` happened, with the end of the log."""
        lines = self.log.read_text(errors="replace").splitlines()[-TAIL_LINES:]
        tail = "".join(f"\n    {line}" for line in lines)
        return StartFailed(f"{self.program.name} {what}. The end of {self.log}:{tail}")

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it is still there."""
        if self.alive:
            self.process.send_signal(number)

    def finish(self, seconds: float) -> None:
        """Wait for its end, kill it after `seconds`; then remove what it left: processes and sockets."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        for path in self.program.leftovers:
            with suppress(PermissionError):  # another user's farm had the same port once
                path.unlink(missing_ok=True)


def _launch(program: Program, output: IO[bytes], keep_open: int | None) -> "subprocess.Popen[bytes]":
    before = [sys.executable, "-I", "-S", str(LAUNCH)]
    orders = [str(os.getpid()), str(int(program.orphan_signal)), program.user or "-"]
    return subprocess.Popen(
        [*before, *orders, *program.command],
        env=dict(program.environment),
        cwd=program.folder,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        pass_fds=() if keep_open is None else (keep_open,),
    )


def _fork(
    program: Program, output: IO[bytes], keep_open: int | None, fork_server: ForkServer | None
) -> ForkedProcess | None:
    """None where the program is not to be forked, or where the fork server does not answer."""
    if not program.forked or fork_server is None:
        return None
    name = program.name.encode()[:NAME_BYTES].decode(errors="ignore")
    request = ForkRequest(list(program.command[2:]), dict(program.environment), str(program.folder), name)
    kept = output.fileno() if keep_open is None else keep_open
    try:
        return fork_server.fork(request, [kept, output.fileno(), output.fileno()])
    except ForkRefused as error:
        log.warning("not forked, started as a process of its own", name=program.name, reason=str(error))
        return None
