"""Children that are forked from a server which has imported what they share, and what becomes of them."""

import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

from farm.forking.client import ForkServer
from farm.local import processes as local_processes
from farm.local.processes import Processes
from farm.local.program import Program, Tier
from tests.farm.local.test_processes import Teller, ended, processes, told
from tests.waiting import eventually

__all__ = ["processes", "told"]  # fixtures
only_with_pidfd = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="no descriptors of processes")


@pytest.fixture
def forking(processes: Processes, tmp_path: Path) -> Processes:
    """With a fork server, which it keeps running too."""
    path = tmp_path / "fork.sock"
    command = (sys.executable, "-m", "farm.local.fork_server", "--socket", str(path))
    server = Program(
        *("server", command, dict(os.environ), tmp_path),
        ready=path.exists,
        tier=Tier.FORK_SERVER,
        leftovers=(path,),
    )
    processes.start(server)
    processes.wait_ready(["server"])
    processes.fork_server = ForkServer(path)
    return processes


def forked(folder: Path, code: str, name: str = "forked", **fields: object) -> Program:
    """A program that is a module of this code, in this folder."""
    (folder / f"module_{name}.py").write_text(code)
    environment = {"PATH": os.defpath, "SAID": "in its own words"}
    command = (sys.executable, "-m", f"module_{name}", "an argument")
    return Program(name, command, environment, folder, forked=True, **fields)  # type: ignore[arg-type]


FORKED = """
import os, sys, time
if __name__ == "__main__":
    print(sys.argv[1:], os.environ["SAID"], os.getppid(), os.getsid(0) == os.getpid(), flush=True)
    open("ready", "w").close()
    time.sleep(600)
"""


@only_with_pidfd
def test_the_fork_server_forks_what_may_be_forked_as_it_would_have_been_started(
    forking: Processes, tmp_path: Path
) -> None:
    forking.start(forked(tmp_path, FORKED, ready=(tmp_path / "ready").exists))
    forking.wait_ready(["forked"])

    said = (tmp_path / "forked.log").read_text()
    assert said == f"['an argument'] in its own words {forking.pid('server')} True\n"
    shown = psutil.Process(forking.pid("forked"))
    assert (shown.name(), " ".join(shown.cmdline()).strip()) == ("forked", "farm: forked")


@only_with_pidfd
def test_what_was_forked_is_started_again_after_a_fall_and_stopped_in_its_own_way(
    forking: Processes, tmp_path: Path, told: Teller
) -> None:
    forking.start(forked(tmp_path, FORKED, ready=(tmp_path / "ready").exists))
    forking.wait_ready(["forked"])
    first = forking.pid("forked")

    forking.send("forked", signal.SIGKILL)
    eventually(lambda: forking.pid("forked") != first)
    second = forking.pid("forked")
    forking.stop()

    assert ended(first)
    assert ended(second)
    assert any("forked was killed by SIGKILL" in line for line in told.lines)


@only_with_pidfd
def test_when_the_fork_server_falls_the_next_one_forks_what_fell_with_it(forking: Processes, tmp_path: Path) -> None:
    forking.start(forked(tmp_path, FORKED, ready=(tmp_path / "ready").exists))
    forking.wait_ready(["forked"])
    first = forking.pid("forked"), forking.pid("server")

    forking.send("server", signal.SIGKILL)

    eventually(lambda: {forking.pid("forked"), forking.pid("server")}.isdisjoint(first))
    eventually(lambda: not ended(forking.pid("forked")))
    assert psutil.Process(forking.pid("forked")).ppid() == forking.pid("server")


@only_with_pidfd
def test_a_fork_server_that_stays_away_is_not_waited_for(
    forking: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_processes, "FORK_SERVER_SECONDS", 0.2)
    forking.start(forked(tmp_path, FORKED, ready=(tmp_path / "ready").exists))
    forking.wait_ready(["forked"])
    first = forking.pid("forked")
    forking.fork_server = ForkServer(tmp_path / "nobody.sock")

    forking.send("forked", signal.SIGKILL)

    eventually(lambda: forking.pid("forked") != first)
    assert psutil.Process(forking.pid("forked")).ppid() == os.getpid()
