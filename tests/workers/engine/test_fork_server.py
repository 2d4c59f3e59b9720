"""The fork server of a machine forks engines for its workers; each lives and dies for its own worker alone."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

import psutil
import pytest

from farm.forking.client import ForkedProcess, ForkRefused
from tests.waiting import eventually
from workers.engine.fork_requests import differing_variables
from workers.engine_start import ENGINE, EngineForkServer, engine_starter, start_process
from workers.protocol import LoadFailed, Ready, Stop

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="the system knows no descriptors of processes")

POOL = ["--pool", "sprint-demo-local"]


class Forked:
    """A worker's side of an engine that was forked for it."""

    def __init__(self, server: EngineForkServer, spool: Path, stderr: int | None = None) -> None:
        ours, theirs = socket.socketpair()
        with theirs, pytest.MonkeyPatch.context() as patch:
            patch.delenv("PYTEST_CURRENT_TEST")  # the server has none
            self.process: ForkedProcess = server.fork([*POOL, "--spool", str(spool)], theirs.fileno(), stderr)
        self.wire = Connection(ours.detach())

    def hears(self, kind: type) -> None:
        while not isinstance(self.wire.recv(), kind):
            assert self.wire.poll(120)

    @property
    def lives(self) -> bool:
        return psutil.pid_exists(self.process.pid) and self.system.status() != psutil.STATUS_ZOMBIE

    @property
    def system(self) -> psutil.Process:
        return psutil.Process(self.process.pid)

    def leave(self) -> None:
        """As a worker that was killed: the kernel closes what it had open."""
        self.process._connection.close()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[EngineForkServer, "subprocess.Popen[bytes]"]]:
    path = tmp_path_factory.mktemp("fork") / "engine.sock"
    environment = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
    command = [sys.executable, "-m", "workers.engine.fork_server", "--socket", str(path)]
    process = subprocess.Popen(command, env=environment)
    eventually(path.exists)
    yield EngineForkServer(path), process
    process.kill()
    process.wait()


@pytest.fixture
def server(running: tuple[EngineForkServer, "subprocess.Popen[bytes]"]) -> EngineForkServer:
    return running[0]


def test_engines_are_forked_side_by_side_load_a_model_and_end_when_they_are_told(
    server: EngineForkServer, tmp_path: Path
) -> None:
    engines = [Forked(server, tmp_path) for _ in range(2)]
    for engine in engines:
        engine.hears(Ready)
    # What operators see of it names its worker.
    assert {engine.system.name() for engine in engines} == {f"engine-{os.getpid()}"}

    engines[0].wire.send(Stop())
    assert engines[0].process.wait(60) == 0
    with pytest.raises(subprocess.TimeoutExpired):
        engines[1].process.wait(0.1)
    engines[1].wire.close()
    assert engines[1].process.wait(60) == 0


def test_how_an_engine_ended_is_said_and_others_go_on(server: EngineForkServer, tmp_path: Path) -> None:
    crashed, killed, other = (Forked(server, tmp_path) for _ in range(3))
    for engine in (crashed, killed, other):
        engine.hears(Ready)

    os.kill(crashed.process.pid, signal.SIGSEGV)
    killed.process.kill()

    assert crashed.process.wait(60) == -signal.SIGSEGV
    assert killed.process.wait(60) == killed.process.wait() == -signal.SIGKILL
    assert other.lives
    other.process.kill()
    other.process.wait(60)


def test_an_engine_that_ends_in_the_moment_in_which_it_is_to_be_killed_harms_no_other(
    running: tuple[EngineForkServer, "subprocess.Popen[bytes]"], tmp_path: Path
) -> None:
    server, process = running
    ended, other = (Forked(server, tmp_path) for _ in range(2))
    for engine in (ended, other):
        engine.hears(Ready)

    process.send_signal(signal.SIGSTOP)  # so that it sees both at once
    os.kill(ended.process.pid, signal.SIGKILL)
    eventually(lambda: ended.system.status() == psutil.STATUS_ZOMBIE)
    ended.process.kill()
    process.send_signal(signal.SIGCONT)

    assert ended.process.wait(60) == -signal.SIGKILL
    again = Forked(server, tmp_path)
    again.hears(Ready)
    assert other.lives
    for engine in (other, again):
        engine.process.kill()
        engine.process.wait(60)


def test_a_server_that_fell_is_waited_for_until_it_is_started_again(
    running: tuple[EngineForkServer, "subprocess.Popen[bytes]"], tmp_path: Path
) -> None:
    hidden = running[0]._server.path.with_name("away")
    running[0]._server.path.rename(hidden)
    threading.Timer(1.0, lambda: hidden.rename(running[0]._server.path)).start()

    engine = Forked(running[0], tmp_path)
    engine.hears(Ready)
    engine.process.kill()
    engine.process.wait(60)


def test_an_engine_dies_with_its_worker_also_in_a_long_pass(server: EngineForkServer, tmp_path: Path) -> None:
    engine = Forked(server, tmp_path)
    engine.hears(Ready)
    os.kill(engine.process.pid, signal.SIGSTOP)  # it hears of nothing, as in a long pass
    engine.leave()
    eventually(lambda: not engine.lives)


def test_an_engine_has_nothing_open_of_another(server: EngineForkServer, tmp_path: Path) -> None:
    engines = [Forked(server, tmp_path) for _ in range(2)]
    for engine in engines:
        engine.hears(Ready)

    def sockets(engine: Forked) -> set[str]:
        links = set()
        for descriptor in Path(f"/proc/{engine.process.pid}/fd").iterdir():
            with suppress(FileNotFoundError):
                links.add(os.readlink(descriptor))
        return {link for link in links if link.startswith("socket:")}

    assert len(sockets(engines[1])) == 1  # its own wire
    assert not sockets(engines[0]) & sockets(engines[1])
    for engine in engines:
        engine.process.kill()
        engine.process.wait(60)


def test_an_engine_has_the_settings_folder_and_log_of_its_worker(
    server: EngineForkServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FARM_CATALOG", "no-such-file.yaml")
    monkeypatch.chdir(tmp_path)
    reading, writing = os.pipe()
    engine = Forked(server, tmp_path, stderr=writing)
    os.close(writing)
    engine.hears(LoadFailed)
    assert engine.process.wait(60) == 3
    os.close(reading)


def test_what_a_library_may_have_read_keeps_an_engine_from_being_forked_and_it_starts_by_itself(
    server: EngineForkServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    ours, theirs = socket.socketpair()
    with ours, theirs:
        with pytest.raises(ForkRefused, match="other values of HF_HUB_OFFLINE, PYTEST_CURRENT_TEST"):
            server.fork([*POOL, "--spool", str(tmp_path)], theirs.fileno(), None)
        engine = server.start([*ENGINE, "--help"], theirs.fileno(), None)
    assert isinstance(engine, subprocess.Popen)
    assert engine.wait(60) == 0


def test_who_says_nothing_or_half_a_request_keeps_nobody_waiting(server: EngineForkServer, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as silent, socket.socket(socket.AF_UNIX) as halting:
        silent.connect(str(server._server.path))
        halting.connect(str(server._server.path))
        socket.send_fds(halting, [b'!{"options": '], [0, 1, 2])

        engine = Forked(server, tmp_path)  # the other two say no more
        engine.hears(Ready)

        assert select.select([silent, halting], [], [], 0)[0] == []
    engine.process.kill()
    engine.process.wait(60)


@pytest.mark.parametrize(
    ("said", "descriptors", "why"),
    [
        (b"!no json\n", [0, 1, 2], "Invalid JSON"),
        (b"![]\n", [0, 1, 2], "the request: must be an object"),
        (
            b'!{"options": [1], "environment": {}, "folder": "/", "name": "x"}\n',
            [0, 1, 2],
            "options.0: must be a valid string",
        ),
        (b'!{"options": [], "environment": {}, "folder": "/", "name": "x"}\n', [0, 1], "three descriptors"),
        (b"!" + b"x" * 5_000_000, [0, 1, 2], "no request"),
    ],
    ids=["no JSON", "a list", "a number for a text", "two descriptors", "megabytes without an end"],
)
def test_what_is_no_request_is_refused_with_the_reason(
    server: EngineForkServer, said: bytes, descriptors: list[int], why: str
) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(server._server.path))
        socket.send_fds(connection, [said[:1]], descriptors)
        with suppress(BrokenPipeError, ConnectionResetError):  # it listens no longer
            connection.sendall(said[1:])
        with suppress(ConnectionResetError):
            assert why in json.loads(connection.recv(65_536))["refused"]


def test_nobody_else_may_ask(server: EngineForkServer) -> None:
    assert server._server.path.stat().st_mode & 0o077 == 0


def test_without_a_fork_server_engines_start_by_themselves(tmp_path: Path) -> None:
    assert engine_starter(None) is start_process
    with pytest.raises(ForkRefused, match="nobody"):
        EngineForkServer(tmp_path / "nobody.sock", again_seconds=0).fork([], 0, None)


def test_what_is_read_after_the_fork_may_differ() -> None:
    mine = {"FARM_DEVICE": "cpu", "TMPDIR": "/tmp/a", "HOME": "/root", "OMP_NUM_THREADS": "1"}
    assert differing_variables(mine, mine | {"FARM_DEVICE": "cuda", "TMPDIR": "/tmp/b", "CELERY_LOG_FILE": ""}) == []
    assert differing_variables(mine, {"HOME": "/home/x", "HF_HOME": "/models"}) == [
        "HF_HOME",
        "HOME",
        "OMP_NUM_THREADS",
    ]


def test_engines_die_with_the_fork_server_and_their_workers_hear_of_it(
    running: tuple[EngineForkServer, "subprocess.Popen[bytes]"], tmp_path: Path
) -> None:
    server, process = running
    engine = Forked(server, tmp_path)
    engine.hears(Ready)

    process.kill()

    assert engine.process.wait(60) == -signal.SIGKILL
    eventually(lambda: not engine.lives)
