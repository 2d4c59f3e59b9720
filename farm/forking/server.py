"""The server's side: one thread that forks whoever is asked for, watches it, and says how it ended.

It is asked over a Unix socket: one byte with three descriptors, then a line of JSON, a `ForkRequest`. It answers with
the pid or a reason why not, and with the exit status when the process has ended. Meanwhile each line is the number of
a signal to send; who closes the socket ends the process. What was forked dies with the server.
"""

import gc
import json
import os
import selectors
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from farm.forking.parent_death import die_with_parent
from farm.forking.process_name import name_process, prepare_naming
from farm.forking.requests import Asking, ForkRequest
from farm.forking.run_module import take_environment


@dataclass(frozen=True)
class Asked:
    """A request, and the descriptors that came with it: what the process is for, stdout, stderr."""

    request: ForkRequest
    descriptors: list[int]


@dataclass(frozen=True)
class _Forked:
    pid: int
    pidfd: int
    connection: socket.socket


class Server:
    """Forks processes and watches them: each ends with its connection, and who asked for it hears how it ended."""

    def __init__(self, listening: socket.socket, check: Callable[[ForkRequest], None] = lambda request: None) -> None:
        """`check` raises ValueError with the reason for a request that cannot be met here."""
        self._listening = listening
        self._check = check
        self._asking: list[Asking] = []
        self._forked: list[_Forked] = []
        self._selector = selectors.DefaultSelector()
        self._selector.register(listening, selectors.EVENT_READ, self._accept)

    def serve(self) -> Asked:
        """Serve for ever. Returns only in a forked child, with what it shall be.

        Call it when all is imported: what is there now is never looked at by a collector, here or in a child, which
        would write to it and so share nothing.
        """
        prepare_naming()
        gc.collect()
        gc.freeze()
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
            self._check(request)
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
        self._watch(_Forked(pid, os.pidfd_open(pid), asking.connection))
        return None

    def _forget(self, asking: Asking) -> None:
        self._selector.unregister(asking.connection)
        self._asking.remove(asking)
        asking.close_descriptors()

    def _watch(self, forked: _Forked) -> None:
        self._forked.append(forked)
        self._selector.register(forked.connection, selectors.EVENT_READ, lambda: self._signal(forked))
        self._selector.register(forked.pidfd, selectors.EVENT_READ, lambda: self._ended(forked))
        _answer(forked.connection, pid=forked.pid)

    def _signal(self, forked: _Forked) -> None:
        """A signal was asked for, or who asked is gone, which ends it."""
        if forked not in self._forked:
            return  # it ended in the same moment, and its connection is closed
        try:
            numbers = [int(line) for line in forked.connection.recv(4096).splitlines()]
        except (OSError, ValueError):
            numbers = []
        if not numbers:
            self._selector.unregister(forked.connection)
        for number in numbers or [signal.SIGKILL]:
            os.kill(forked.pid, number)  # it is there, as a zombie at least, until `_ended` has waited for it

    def _ended(self, forked: _Forked) -> None:
        self._selector.unregister(forked.pidfd)
        if forked.connection in self._selector.get_map():
            self._selector.unregister(forked.connection)
        self._forked.remove(forked)
        _, status = os.waitpid(forked.pid, 0)
        _answer(forked.connection, status=os.waitstatus_to_exitcode(status))
        forked.connection.close()
        os.close(forked.pidfd)

    def _leave(self) -> None:
        """In the child: nothing of the server, of another child or of who is asking, stays open."""
        self._selector.close()
        self._listening.close()
        for asking in self._asking:
            asking.connection.close()
            asking.close_descriptors()
        for forked in self._forked:
            forked.connection.close()
            os.close(forked.pidfd)


def listen(path: Path) -> socket.socket:
    """A socket for us alone, in whatever folder; it has its name once it can be asked."""
    unnamed = path.with_name(f"{path.name[0]}.new")  # no longer than the name: a socket's path has little room
    unnamed.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX)
    mask = os.umask(0o077)
    listening.bind(str(unnamed))
    os.umask(mask)
    listening.listen(64)
    unnamed.rename(path)
    return listening


def become(asked: Asked, server: int) -> None:
    """In the child: die with the server, and have the streams, environment, folder and name that were asked for.

    Exits with 1 if the server, of this pid, has died meanwhile.
    """
    die_with_parent(server)
    request, (_, stdout, stderr) = asked.request, asked.descriptors
    with open(os.devnull, "rb") as nothing:
        for descriptor, standard in ((nothing.fileno(), 0), (stdout, 1), (stderr, 2)):
            os.dup2(descriptor, standard)
    os.close(stdout)
    os.close(stderr)
    take_environment(request.environment)
    os.chdir(request.folder)
    name_process(request.name)


def _answer(connection: socket.socket, **answer: object) -> None:
    try:
        connection.sendall(json.dumps(answer).encode() + b"\n")
    except OSError:
        return  # who asked is gone, which is heard next
