"""The fork server: `python -m workers.engine.fork_server --socket PATH`.

One process of a machine imports torch, diffusers and all families once, and forks an engine whenever a worker asks
for one (`workers.engine_start` says how). A forked engine begins in a fraction of the time and shares the memory of
what was imported with the others. The server has one thread, touches no device and loads no model: nothing of one
engine can reach another. Engines die with the server, and each with its worker.
"""

import argparse
import ctypes
import gc
import json
import os
import selectors
import signal
import socket
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from farm.params.families import FAMILIES
from workers.engine import process
from workers.engine_start import ForkRequest
from workers.parent_death import belong_to_parent

#: What may differ between the server's environment and an engine's: what is read after the fork. Any other variable
#: may have been read by a library as it was imported.
_PREFIXES = ("FARM_", "CELERY_", "_MP_FORK_")  # Celery sets its own in a worker that serves
_READ_LATER = frozenset(
    {"CUDA_VISIBLE_DEVICES", "CUBLAS_WORKSPACE_CONFIG", "TMPDIR"}
    | {"PWD", "OLDPWD", "SHLVL", "COLUMNS", "LINES", "_"}  # the shell's
)
_PR_SET_NAME = 15  # linux/prctl.h
_ASK_SECONDS = 10.0  # a worker says at once what it wants


@dataclass(frozen=True)
class Asked:
    """A request, and the descriptors that came with it: the wire, stdout, stderr."""

    request: ForkRequest
    descriptors: list[int]

    def close(self) -> None:
        for descriptor in self.descriptors:
            os.close(descriptor)


@dataclass(frozen=True)
class _Engine:
    pid: int
    pidfd: int
    connection: socket.socket


class Server:
    """Forks engines and watches them: each ends with its connection, and its worker hears how it ended."""

    def __init__(self, listening: socket.socket, environment: Mapping[str, str]) -> None:
        """`environment`: the variables with which the libraries were imported."""
        self._listening = listening
        self._environment = environment
        self._engines: list[_Engine] = []
        self._selector = selectors.DefaultSelector()
        self._selector.register(listening, selectors.EVENT_READ, self._accept)

    def serve(self) -> Asked:
        """Serve for ever. Returns only in a forked child, with what it shall be."""
        while True:
            for key, _ in self._selector.select():
                asked: Asked | None = key.data()
                if asked is not None:
                    return asked

    def _accept(self) -> Asked | None:
        connection, _ = self._listening.accept()
        connection.settimeout(_ASK_SECONDS)
        try:
            asked = _read(connection)
            if differing := differing_variables(self._environment, asked.request.environment):
                asked.close()
                raise ValueError(f"it has other values of {', '.join(differing)}")
            pid = os.fork()
        except (OSError, ValueError, TypeError) as error:
            _answer(connection, refused=str(error))
            connection.close()
            return None
        if pid == 0:
            self._leave(connection)
            return asked
        asked.close()
        self._watch(_Engine(pid, os.pidfd_open(pid), connection))
        return None

    def _watch(self, engine: _Engine) -> None:
        self._engines.append(engine)
        self._selector.register(engine.connection, selectors.EVENT_READ, lambda: self._end(engine))
        self._selector.register(engine.pidfd, selectors.EVENT_READ, lambda: self._ended(engine))
        _answer(engine.connection, pid=engine.pid)

    def _end(self, engine: _Engine) -> None:
        """Its worker is gone, or has asked for its end: that is all that a worker says."""
        self._selector.unregister(engine.connection)
        os.kill(engine.pid, signal.SIGKILL)  # it is there, as a zombie at least, until `_ended` has waited for it

    def _ended(self, engine: _Engine) -> None:
        self._selector.unregister(engine.pidfd)
        if engine.connection in self._selector.get_map():
            self._selector.unregister(engine.connection)
        self._engines.remove(engine)
        _, status = os.waitpid(engine.pid, 0)
        _answer(engine.connection, status=os.waitstatus_to_exitcode(status))
        engine.connection.close()
        os.close(engine.pidfd)

    def _leave(self, connection: socket.socket) -> None:
        """In the child: nothing of the server, nor of another engine, stays open."""
        self._selector.close()
        self._listening.close()
        connection.close()
        for engine in self._engines:
            engine.connection.close()
            os.close(engine.pidfd)


def differing_variables(mine: Mapping[str, str], wanted: Mapping[str, str]) -> list[str]:
    """The variables that keep an engine from being forked here, because libraries may have read them."""
    names = (mine.keys() | wanted.keys()) - _READ_LATER
    return sorted(name for name in names if not name.startswith(_PREFIXES) and mine.get(name) != wanted.get(name))


def preload() -> None:
    """Import what every engine imports."""
    process.set_up_environment()
    from workers.engine import previews, step_loop, warm_up  # noqa: F401
    from workers.families.find import find_family
    from workers.pipelines import load  # noqa: F401

    for family in FAMILIES:
        find_family(family)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until the farm ends. In a forked child: be the engine, and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m workers.engine.fork_server", description=__doc__)
    parser.add_argument("--socket", type=Path, required=True, help="where workers ask; in a folder of ours alone")
    options = parser.parse_args(arguments)
    environment = dict(os.environ)
    options.socket.unlink(missing_ok=True)  # of a server that was killed
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(options.socket))
    listening.listen(64)  # who asks while it imports waits
    preload()
    gc.collect()
    gc.freeze()  # or the collector of each engine would write to all of it, and share nothing
    server = os.getpid()
    asked = Server(listening, environment).serve()
    return _be_engine(asked, server)


def _be_engine(asked: Asked, server: int) -> int:
    belong_to_parent()
    if os.getppid() != server:  # it died before we asked for its signal
        return 1
    request, (wire, stdout, stderr) = asked.request, asked.descriptors
    with open(os.devnull, "rb") as nothing:
        for descriptor, standard in ((nothing.fileno(), 0), (stdout, 1), (stderr, 2)):
            os.dup2(descriptor, standard)
    os.close(stdout)
    os.close(stderr)
    os.environ.clear()
    os.environ.update(request.environment)
    tempfile.tempdir = None  # as it was found at an import
    os.chdir(request.folder)
    ctypes.CDLL(None).prctl(_PR_SET_NAME, f"engine-{request.worker_pid}".encode(), 0, 0, 0)
    return process.main([*request.options, "--fd", str(wire)])


def _read(connection: socket.socket) -> Asked:
    """Raises OSError, ValueError, TypeError."""
    _, descriptors, _, _ = socket.recv_fds(connection, 1, 3)
    asked = None
    try:
        with connection.makefile("rb") as lines:
            asked = Asked(ForkRequest(**json.loads(lines.readline())), descriptors)
        return asked
    finally:
        if asked is None:
            for descriptor in descriptors:
                os.close(descriptor)


def _answer(connection: socket.socket, **answer: object) -> None:
    try:
        connection.sendall(json.dumps(answer).encode() + b"\n")
    except OSError:
        return  # the worker is gone, which is heard next


if __name__ == "__main__":
    raise SystemExit(main())
