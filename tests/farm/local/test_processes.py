"""Children are started, watched, started again, stopped in order, and never left behind."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from farm.local.processes import Processes
from farm.local.program import Program, StartFailed, Tier
from tests.waiting import eventually


class Teller:
    """Keeps what it was told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, line: str) -> None:
        self.lines.append(line)


@pytest.fixture
def told() -> Teller:
    return Teller()


@pytest.fixture
def processes(tmp_path: Path, told: Teller) -> Iterator[Processes]:
    processes = Processes(tmp_path, told)
    yield processes
    processes.stop()


def program(
    folder: Path, code: str = "import time; time.sleep(600)", name: str = "sleeper", **fields: object
) -> Program:
    """A program that is this piece of Python."""
    command = (sys.executable, "-I", "-S", "-c", code)
    return Program(name, command, {"PATH": os.defpath}, folder, **fields)  # type: ignore[arg-type]


def touches(path: Path) -> str:
    return f"import pathlib, time; pathlib.Path({str(path)!r}).touch(); time.sleep(600)"


def ended(pid: int) -> bool:
    """Whether there is no such process, or only what is left of it until its parent has looked."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_child_is_ready_when_it_says_so(processes: Processes, tmp_path: Path) -> None:
    flag = tmp_path / "ready"
    processes.start(program(tmp_path, touches(flag), ready=flag.exists))
    processes.wait_ready(["sleeper"])

    assert flag.exists()
    assert psutil.pid_exists(processes.pid("sleeper"))


def test_a_question_that_raises_means_not_ready_yet(processes: Processes, tmp_path: Path) -> None:
    answers = iter([ConnectionError(), ValueError(), True])

    def ready() -> bool:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    processes.start(program(tmp_path, ready=ready))
    processes.wait_ready(["sleeper"])


def test_a_child_that_cannot_start_is_an_error_with_the_end_of_its_log(processes: Processes, tmp_path: Path) -> None:
    processes.start(program(tmp_path, "print('the disk is full'); raise SystemExit(3)", ready=lambda: False))

    with pytest.raises(StartFailed, match=r"(?s)sleeper ended with code 3.*sleeper\.log.*the disk is full"):
        processes.wait_ready(["sleeper"])


def test_a_child_that_is_not_there_is_an_error(processes: Processes, tmp_path: Path) -> None:
    missing = Program("missing", ("/no/such/program",), {}, tmp_path, ready=lambda: False)
    processes.start(missing)

    with pytest.raises(StartFailed, match=r"(?s)missing ended with code 1.*No such file"):
        processes.wait_ready(["missing"])


def test_of_several_each_is_said_when_it_is_ready_and_the_first_failure_ends_the_waiting(
    processes: Processes, tmp_path: Path, told: Teller
) -> None:
    slow = tmp_path / "slow"
    processes.start(program(tmp_path, name="slow", ready=slow.exists))
    processes.start(program(tmp_path, touches(slow), name="quick"))
    processes.wait_ready(["slow", "quick"], on_ready=told)
    assert sorted(told.lines) == ["quick", "slow"]

    processes.start(program(tmp_path, name="endless", ready=lambda: False, ready_seconds=10_000))
    processes.start(program(tmp_path, "raise SystemExit(5)", name="bad", ready=lambda: False))
    with pytest.raises(StartFailed, match="bad ended with code 5"):
        processes.wait_ready(["endless", "bad"])


def test_a_child_that_never_gets_ready_is_an_error(processes: Processes, tmp_path: Path) -> None:
    processes.start(program(tmp_path, ready=lambda: False, ready_seconds=0.3))

    with pytest.raises(StartFailed, match=r"was not ready after 0\.3 s"):
        processes.wait_ready(["sleeper"])


def test_a_child_that_was_killed_is_started_again_and_it_is_said(
    processes: Processes, tmp_path: Path, told: Teller
) -> None:
    processes.start(program(tmp_path))
    processes.wait_ready(["sleeper"])
    first = processes.pid("sleeper")

    processes.send("sleeper", signal.SIGKILL)
    eventually(lambda: len(told.lines) == 2)

    assert told.lines[0] == "sleeper was killed by SIGKILL; starting it again in 0.5 s"
    assert told.lines[1] == f"sleeper was started again (pid {processes.pid('sleeper')})"
    assert processes.pid("sleeper") != first


def test_a_child_that_keeps_falling_is_started_again_more_and_more_slowly(
    processes: Processes, tmp_path: Path, told: Teller
) -> None:
    flag = tmp_path / "ready"
    processes.start(
        program(tmp_path, f"import os, sys\nif os.path.exists({str(flag)!r}): sys.exit(1)\n" + touches(flag), "faller")
    )
    eventually(flag.exists)
    processes.wait_ready(["faller"])
    processes.send("faller", signal.SIGKILL)
    eventually(lambda: sum("ended with code 1" in line for line in told.lines) == 2)

    waits = [line.rpartition(" in ")[2] for line in told.lines if "starting it again" in line]
    assert waits == ["0.5 s", "1 s", "2 s"]


def test_restarting_stops_in_the_childs_own_way_and_waits_until_it_is_ready(
    processes: Processes, tmp_path: Path, told: Teller
) -> None:
    flag, goodbye = tmp_path / "ready", tmp_path / "goodbye"
    code = (
        "import pathlib, signal, sys\n"
        f"def end(*_): pathlib.Path({str(goodbye)!r}).touch(); sys.exit(0)\n"
        "signal.signal(signal.SIGINT, end)\n" + touches(flag)
    )
    processes.start(program(tmp_path, code, ready=flag.exists, stop_signal=signal.SIGINT))
    processes.wait_ready(["sleeper"])
    first = processes.pid("sleeper")
    flag.unlink()

    processes.restart("sleeper")

    assert goodbye.exists()
    assert flag.exists()
    assert processes.pid("sleeper") != first
    assert told.lines == [], "what was asked for is not said"


def test_the_farm_is_stopped_before_its_servers_and_leaves_nothing(tmp_path: Path, told: Teller) -> None:
    processes = Processes(tmp_path, told)
    order = tmp_path / "order"
    code = (
        "import signal, sys, time\n"
        f"def end(*_): open({str(order)!r}, 'a').write(sys.argv[1] + ' '); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, end)\n"
        "open(sys.argv[2], 'w').close()\n"
        "time.sleep(600)"
    )
    leftover = tmp_path / "server.sock"
    leftover.touch()
    for name, tier in (("server", Tier.SERVER), ("farm", Tier.FARM)):
        flag = tmp_path / f"{name}-ready"
        made = program(tmp_path, code, name, ready=flag.exists, tier=tier, leftovers=(leftover,))
        processes.start(Program(**{**made.__dict__, "command": (*made.command, name, str(flag))}))
    processes.wait_ready(["server", "farm"])
    pids = [processes.pid("server"), processes.pid("farm")]

    processes.stop()

    assert order.read_text().split() == ["farm", "server"]
    assert all(ended(pid) for pid in pids)
    assert not leftover.exists()


def test_a_child_that_ignores_the_signal_is_killed_with_its_own_children(tmp_path: Path, told: Teller) -> None:
    processes = Processes(tmp_path, told)
    pids = tmp_path / "pids"
    code = (
        "import os, signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(pids) + '.half'!r}, 'w').write(f'{{os.getpid()}} {{child.pid}}')\n"
        f"os.rename({str(pids) + '.half'!r}, {str(pids)!r})\n"
        "time.sleep(600)"
    )
    processes.start(program(tmp_path, code, ready=pids.exists, stop_seconds=0.2))
    processes.wait_ready(["sleeper"])
    both = [int(pid) for pid in pids.read_text().split()]

    processes.stop()

    eventually(lambda: all(ended(pid) for pid in both))


def test_killing_all_ends_the_wait_of_a_stop(tmp_path: Path, told: Teller) -> None:
    processes = Processes(tmp_path, told)
    flag = tmp_path / "ready"
    stubborn = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + touches(flag)
    processes.start(program(tmp_path, stubborn, ready=flag.exists, stop_seconds=10_000))
    processes.wait_ready(["sleeper"])

    stopping = threading.Thread(target=processes.stop)
    stopping.start()
    time.sleep(0.2)
    processes.kill()
    stopping.join(30)

    assert not stopping.is_alive()


def test_no_child_outlives_a_parent_that_was_killed(tmp_path: Path) -> None:
    code = """
import sys, threading
from pathlib import Path
from tests.farm.local.test_processes import program
from farm.local.processes import Processes
processes = Processes(Path(sys.argv[1]), print)
for name in ("one", "two"):
    processes.start(program(Path(sys.argv[1]), name=name))
processes.wait_ready(["one", "two"])
print(processes.pid("one"), processes.pid("two"), flush=True)
threading.Event().wait()
"""
    with subprocess.Popen([sys.executable, "-c", code, tmp_path], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(pids) == 2
        assert not any(ended(pid) for pid in pids)

        parent.kill()

        eventually(lambda: all(ended(pid) for pid in pids))
