"""What an idle farm takes of a machine: memory and CPU of each role; and what `farm --help` and `farm plan` cost.

    .venv/bin/python -m tests.benchmarks.footprint [--seconds 60] [--pairs 5] [--checkout DIR] [--quick]

The farm is the demo's, started by `farm up` in a folder of its own and left alone. Memory is PSS: what a page costs is
divided among those who share it, so that the sum is what the farm takes of the machine. CPU is user and system time
over the time that passed, in percent of one core. The S3 and SQL servers and Valkey stand apart: they are not ours.

Commands are measured in pairs, one after the other: CPU seconds and the peak of resident memory as the kernel says
them at the end of a process. `--checkout`: another checkout of this project, whose farm is measured with our Python.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from farm.redis_connection import connect
from tests.benchmarks.report import Report

#: Of the issue: half of what the farm took when it was written.
MOST_MEGABYTES = 1025.0
#: PSS in MB of one process of a role, with all that the role forks.
ROLE_MEGABYTES = {"worker parent": 70.0, "scheduler": 80.0, "dashboard": 110.0}
MOST_CPU_PERCENT = 2.0
MOST_HELP_RATIO = 1.3
MOST_PLAN_RATIO = 1.3
#: After it is ready an engine still trims what loading left behind, and Celery's first beats go out.
_CALM_SECONDS = 15.0
_SERVERS = ("valkey-server", "weed", "postgres")
_PLAN = ("-m", "farm", "plan", "sana-1600m-4kpx", "--gpus", "80GB")


@dataclass
class Role:
    """The processes of one role: how many, what they take together."""

    processes: int = 0
    pss_bytes: int = 0
    cpu_seconds: float = 0.0
    wakeups: int = 0
    pids: set[int] = field(default_factory=set)


def main() -> None:
    """Measure and write build/bench/footprint.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="for how long the idle farm is watched")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--checkout", type=Path, default=Path.cwd())
    parser.add_argument("--quick", action="store_true", help="short and few: does it run?")
    asked = parser.parse_args()
    if asked.quick:
        asked.seconds, asked.pairs = 10.0, 1
    report = Report(
        "footprint",
        {"seconds": asked.seconds, "pairs": asked.pairs, "checkout": asked.checkout.name, "farm": "the demo's, idle"},
    )
    _measure_farm(report, asked.checkout, asked.seconds)
    _measure_commands(report, asked.checkout, asked.pairs)
    report.write()


def _measure_farm(report: Report, checkout: Path, seconds: float) -> None:
    with running_farm(checkout) as (root, data):
        time.sleep(_CALM_SECONDS)
        commands = _redis_commands(data)
        roles = _watch(root, seconds)
        commands = _redis_commands(data) - commands
    own = {name: role for name, role in roles.items() if name != "servers"}
    for name, role in sorted(roles.items()):
        each = role.pss_bytes / 1e6 / (1 if name == "dashboard" else role.processes)
        what = f"{name}: PSS of each, MB" if role.processes > 1 and name != "dashboard" else f"{name}: PSS, MB"
        if name in ROLE_MEGABYTES:
            report.aim(what, each, "<=", ROLE_MEGABYTES[name])
        else:
            report.measure(what, each)
        report.measure(f"{name}: CPU, % of a core", 100 * role.cpu_seconds / seconds)
        report.measure(f"{name}: wakeups a second", role.wakeups / seconds)
    report.measure("commands a second that Redis was given", commands / seconds)
    report.aim("farm: PSS, MB", sum(role.pss_bytes for role in own.values()) / 1e6, "<=", MOST_MEGABYTES)
    cpu = sum(role.cpu_seconds for role in own.values())
    report.aim("farm: idle CPU, % of a core", 100 * cpu / seconds, "<=", MOST_CPU_PERCENT)


@contextmanager
def running_farm(checkout: Path) -> Iterator[tuple[psutil.Process, Path]]:
    """`farm up` of a checkout, ready: its process and its data folder."""
    with tempfile.TemporaryDirectory(prefix="farm-bench-") as folder:
        data = Path(folder) / "data"
        own = {name: value for name, value in os.environ.items() if not name.startswith("FARM_")}
        with (
            (Path(folder) / "log").open("w+") as log,
            subprocess.Popen(
                [sys.executable, "-m", "farm", "up", "--json"],
                cwd=checkout,
                env={**own, "FARM_DATA_DIR": str(data), "FARM_DASHBOARD_PORT": "0"},
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            ) as up,
        ):
            assert up.stdout is not None
            try:
                line = up.stdout.readline()
                if not line:
                    log.seek(0)
                    raise SystemExit(f"The farm did not start: {log.read()[-2000:]}")
                yield psutil.Process(up.pid), data
            finally:
                up.terminate()
                up.wait(120)


def role_of(process: psutil.Process) -> str:
    """By its command line and its name, which is all that `ps` would show."""
    words, name = process.cmdline(), process.name()
    line = " ".join(words)
    for start, role in (
        ("engine-", "engine"),
        ("worker-", "worker parent"),
        ("[celeryd", "worker parent"),  # so Celery names it
        ("scheduler", "scheduler"),
        ("scorer", "scorer"),
    ):
        if name.startswith(start):
            return role
    if name in {"fork-server", "farm-fork-serve"}:  # so much of a name is kept
        return "engine fork server" if name == "fork-server" else "farm fork server"
    if any(server in f"{name} {line.partition(' ')[0]}" for server in _SERVERS):
        return "servers"
    for part, role in (
        ("workers.engine.fork_server", "engine fork server"),
        ("farm.local.fork_server", "farm fork server"),
        ("-m farm scheduler", "scheduler"),
        ("-m farm worker", "worker parent"),
        ("dashboard", "dashboard"),
        ("farm up", "farm up"),
    ):
        if part in line:
            return role
    return f"other ({name})"


def _watch(root: psutil.Process, seconds: float) -> dict[str, Role]:
    """Every process of the farm over so many seconds, by role; its memory at the end."""
    processes = [root, *root.children(recursive=True)]
    before = {process.pid: _spent(process) for process in processes}
    time.sleep(seconds)
    roles: dict[str, Role] = defaultdict(Role)
    for process in processes:
        role = roles[role_of(process)]
        cpu, wakeups = _spent(process)
        role.processes += 1
        role.cpu_seconds += cpu - before[process.pid][0]
        role.wakeups += wakeups - before[process.pid][1]
        role.pss_bytes += process.memory_full_info().pss
    return roles


def _spent(process: psutil.Process) -> tuple[float, int]:
    """CPU seconds, and how often its threads went to sleep."""
    times, wakeups = process.cpu_times(), 0
    for status in Path(f"/proc/{process.pid}/task").glob("*/status"):
        for line in status.read_text().splitlines():
            if line.startswith("voluntary_ctxt_switches"):
                wakeups += int(line.partition(":")[2])
    return times.user + times.system, wakeups


def _redis_commands(data: Path) -> int:
    password = json.loads((data / "keys.json").read_text())["redis_password"]
    client = connect(f"unix://:{password}@{data}/run/valkey.sock")
    try:
        return int(client.info("stats")["total_commands_processed"])
    finally:
        client.close()


def _measure_commands(report: Report, checkout: Path, pairs: int) -> None:
    celery = [sys.executable, "-m", "celery", "--help"]
    _compare(report, checkout, pairs, "farm --help / celery --help", [sys.executable, "-m", "farm", "--help"], celery,
             limit=MOST_HELP_RATIO, memory=True)  # fmt: skip
    diffusers = [sys.executable, "-c", "from diffusers import SanaPipeline"]
    _compare(report, checkout, pairs, "farm plan / importing diffusers", [sys.executable, *_PLAN], diffusers,
             limit=MOST_PLAN_RATIO, memory=False)  # fmt: skip


def _compare(
    report: Report, checkout: Path, pairs: int, name: str, ours: Sequence[str], theirs: Sequence[str],
    *, limit: float, memory: bool,
) -> None:  # fmt: skip
    cpu, peak = [], []
    for number in range(pairs + 1):
        mine, other = _run(ours, checkout), _run(theirs, checkout)
        if number:  # the first reads the files from the disk
            cpu.append(mine[0] / other[0])
            peak.append(mine[1] / other[1])
    report.aim(f"{name}: CPU", report.sample(f"{name}: CPU, of each pair", cpu), "<=", limit)
    if memory:
        report.aim(f"{name}: memory", report.sample(f"{name}: memory, of each pair", peak), "<=", limit)


def _run(command: Sequence[str], checkout: Path) -> tuple[float, int]:
    """CPU seconds, and the peak of resident memory in KB."""
    process = subprocess.Popen(command, cwd=checkout, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss


if __name__ == "__main__":
    main()
