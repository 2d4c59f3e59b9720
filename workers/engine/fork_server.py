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
from workers.engine.fork_requests import Asking, differing_variables
from workers.engine_start import ForkRequest
from workers.parent_death import belong_to_parent

_PR_SET_NAME = 15  # linux/prctl.h


@dataclass(frozen=True)
class Asked:
    """A request, and the descriptors that came with it: the wire, stdout, stderr."""

    request: ForkRequest
    descriptors: list[int]


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
        self._asking: list[Asking] = []
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

    def _accept(self) -> None:
        asking = Asking(self._listening.accept()[0])
        self._asking.append(asking)
        self._selector.register(asking.connection, selectors.EVENT_READ, lambda: self._hear(asking))

    def _hear(self, asking: Asking) -> Asked | None:
        """Fork what is asked for, once the request is whole. In the child: what it shall be."""
        try:
            if not asking.receive():
                return None
            request = asking.request()
            if differing := differing_variables(self._environment, request.environment):
                raise ValueError(f"it has other values of {', '.join(differing)}")
            pid = os.fork()
        except (OSError, ValueError) as error:
            self._forget(asking)
            _answer(asking.connection, refused=str(error))
            asking.connection.close()
            return None
        if pid == 0:
            asked = Asked(request, list(asking.descriptors))
            asking.descriptors.clear()
            self._leave()
            return asked
        self._forget(asking)
        self._watch(_Engine(pid, os.pidfd_open(pid), asking.connection))
        return None

    def _forget(self, asking: Asking) -> None:
        self._selector.unregister(asking.connection)
        self._asking.remove(asking)
        asking.close_descriptors()

    def _watch(self, engine: _Engine) -> None:
        self._engines.append(engine)
        self._selector.register(engine.connection, selectors.EVENT_READ, lambda: self._end(engine))
        self._selector.register(engine.pidfd, selectors.EVENT_READ, lambda: self._ended(engine))
        _answer(engine.connection, pid=engine.pid)

    def _end(self, engine: _Engine) -> None:
        """Its worker is gone, or has asked for its end: that is all that a worker says."""
        if engine not in self._engines:
            return  # it ended in the same moment, and its connection is closed
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

    def _leave(self) -> None:
        """In the child: nothing of the server, of another engine or of who is asking, stays open."""
        self._selector.close()
        self._listening.close()
        for asking in self._asking:
            asking.connection.close()
            asking.close_descriptors()
        for engine in self._engines:
            engine.connection.close()
            os.close(engine.pidfd)


def preload() -> None:
    """Import what every engine imports."""
    process.set_up_environment()
    from workers.engine import previews, step_loop, warm_up  # noqa: F401
    from workers.families.family_registry import find_family
    from workers.pipelines import load  # noqa: F401

    for family in FAMILIES:
        find_family(family)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until the farm ends. In a forked child: be the engine, and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m workers.engine.fork_server", description=__doc__)
    parser.add_argument("--socket", type=Path, required=True, help="where workers ask; in a folder of ours alone")
    options = parser.parse_args(arguments)
    environment = dict(os.environ)
    listening = _listen(options.socket)  # who asks while it imports waits
    preload()
    gc.collect()
    gc.freeze()  # or the collector of each engine would write to all of it, and share nothing
    server = os.getpid()
    asked = Server(listening, environment).serve()
    return _be_engine(asked, server)


def _listen(path: Path) -> socket.socket:
    """A socket for us alone, in whatever folder; it has its name once it can be asked."""
    unnamed = path.with_name("e.new")  # no longer than the name: a socket's path has little room
    unnamed.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX)
    mask = os.umask(0o077)
    listening.bind(str(unnamed))
    os.umask(mask)
    listening.listen(64)
    unnamed.rename(path)
    return listening


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


def _answer(connection: socket.socket, **answer: object) -> None:
    try:
        connection.sendall(json.dumps(answer).encode() + b"\n")
    except OSError:
        return  # the worker is gone, which is heard next


if __name__ == "__main__":
    raise SystemExit(main())
