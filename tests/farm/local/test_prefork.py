"""The farm's fork server as a fork of the process that starts the farm."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.farm.local.test_forked_processes import FORKED, only_with_pidfd
from tests.farm.local.test_processes import ended
from tests.waiting import eventually

pytestmark = only_with_pidfd


@pytest.fixture
def starting(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """Who has forked its fork server from itself."""
    (tmp_path / "module_forked.py").write_text(FORKED)
    command = [sys.executable, "-m", "tests.farm.local.preforking_farm", str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=tmp_path, env=environment, preexec_fn=_hear_interrupts
    ) as process:
        yield process
        process.kill()


def _hear_interrupts() -> None:
    """As in a terminal: who runs the tests in the background of a script has told them to ignore SIGINT."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _pids(process: "subprocess.Popen[str]") -> dict[str, int]:
    assert process.stdout is not None
    pids: dict[str, int] = json.loads(next(line for line in process.stdout if line.startswith("{")))
    return pids


def test_it_forks_what_it_is_asked_for_and_a_list_of_processes_tells_who_is_who(
    starting: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    pids = _pids(starting)
    server, forked = psutil.Process(pids["server"]), psutil.Process(pids["forked"])
    assert (server.ppid(), forked.ppid()) == (starting.pid, server.pid)
    assert (tmp_path / "forked.log").read_text().startswith("['an argument'] in its own words")
    assert [(one.name(), " ".join(one.cmdline()).strip()) for one in (server, forked)] == [
        ("server", "farm: server"),
        ("forked", "farm: forked"),
    ]
    assert {os.getsid(one.pid) for one in (server, forked)} == {server.pid, forked.pid}, "Ctrl-C does not reach them"


def test_when_it_falls_another_is_started_and_forks_what_fell_with_it(starting: "subprocess.Popen[str]") -> None:
    first = _pids(starting)
    os.kill(first["server"], signal.SIGKILL)
    pids = first
    while set(pids.values()) & set(first.values()):
        pids = _pids(starting)
    eventually(lambda: psutil.Process(pids["forked"]).ppid() == pids["server"])
    assert ended(first["forked"])


def test_kill_9_of_who_forked_it_ends_it_and_what_it_forked(starting: "subprocess.Popen[str]") -> None:
    pids = _pids(starting)
    starting.kill()
    eventually(lambda: all(ended(pid) for pid in pids.values()))


def test_nothing_that_is_forked_comes_back_into_the_code_of_who_forked_it(
    starting: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    pids = _pids(starting)
    os.kill(pids["forked"], signal.SIGINT)  # it ends with a KeyboardInterrupt of its own
    eventually(lambda: ended(pids["forked"]))
    starting.send_signal(signal.SIGINT)
    assert starting.stdout is not None
    said = starting.stdout.read()
    assert [line for line in said.splitlines() if "ends" in line] == [f"{starting.pid} ends"]
    assert "KeyboardInterrupt" in (tmp_path / "forked.log").read_text()
