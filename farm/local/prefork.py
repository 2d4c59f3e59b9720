"""Fork servers as forks of `farm up` itself: what both import is imported once and lies in memory once.

Only a process that is the farm's own may do this, and only before it has a second thread. One that falls later is
started anew: the farm's as a program of its own, the engines' by that one.
"""

import gc
import os
import select
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path

from farm.forking.parent_death import die_with_parent
from farm.forking.process_name import name_process
from farm.forking.run_module import run_module, take_environment
from farm.local.log_rotation import rotate_large
from farm.local.program import Program


class Preforked:
    """A fork of this process, as `subprocess.Popen` has it. Threads may share it."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._ended = os.pidfd_open(pid)
        self._asking = threading.Lock()

    def poll(self) -> int | None:
        """Its exit status, or None while it runs."""
        with self._asking:
            if self.returncode is None and select.select([self._ended], [], [], 0)[0]:
                self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
                os.close(self._ended)
            return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status. Raises subprocess.TimeoutExpired."""
        if self.returncode is None:
            select.select([self._ended], [], [], timeout)
        status = self.poll()
        if status is None:
            raise subprocess.TimeoutExpired("the fork", timeout or 0)
        return status

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once, if it has not ended."""
        self.send_signal(signal.SIGKILL)


def has_one_thread() -> bool:
    """Whether this process may be forked: another thread may hold a lock that nobody frees in the fork."""
    return len(os.listdir("/proc/self/task")) == 1


def prefork(name: str, log: Path, serve: Callable[[], None]) -> Preforked:
    """Fork a process of this name that calls `serve`. It dies with us, also by `kill -9`.

    What it says goes to `log`; it leads a session of its own. In the fork, and in what is forked from there, this
    never returns: it raises SystemExit.
    """
    rotate_large(log)
    gc.collect()
    gc.freeze()  # a collector that walks over shared memory copies it
    sys.stdout.flush()
    sys.stderr.flush()
    parent, pid = os.getpid(), os.fork()
    if pid:
        return Preforked(pid)
    try:
        _settle(name, log, parent)
        serve()
    except SystemExit:
        raise
    except BaseException as error:  # whatever it is: who called us has nothing to do with it
        traceback.print_exc()
        raise SystemExit(1) from error
    raise SystemExit(0)


def prefork_program(program: Program, logs: Path) -> Preforked:
    """Fork a program whose command is `python -m MODULE …`, with its environment; it is where we are."""

    def serve() -> None:
        take_environment(program.environment)
        run_module(program.command[2:])

    return prefork(program.name, logs / f"{program.name}.log", serve)


def _settle(name: str, log: Path, parent: int) -> None:
    os.setsid()  # Ctrl-C in the terminal is for the parent, who stops us in order
    os.umask(0o077)
    die_with_parent(parent)
    name_process(name)
    if not sys.flags.safe_path:
        sys.path[0] = os.getcwd()  # as `python -m` would have it: plugins may lie there
    with open(os.devnull, "rb") as nothing, log.open("ab") as output:
        for stream, standard in ((nothing, 0), (output, 1), (output, 2)):
            os.dup2(stream.fileno(), standard)
