"""How soon a farm that was not there has made a picture: `farm up` to ready, and to the first picture in the bucket.

    .venv/bin/python -m tests.benchmarks.cold_start [--pairs 5] [--before DIR] [--quick]

Beside it, one after the other in pairs: a bare Celery worker that loads the same model with diffusers, on a Valkey that
runs already, from its command to the first picture that its task has written to a file. It has no database, no object
storage, no dashboard, and one model; the farm of the demo has all of that, and three. `--before`: another checkout of
this project, whose farm is started in each pair too, with our Python: what it was.

Beside the time, which neighbours on the machine stretch for all of them, stand the CPU seconds of all processes.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from farm.client import FarmClient
from tests.benchmarks.bare_celery import TASK, make_app
from tests.benchmarks.footprint import running_farm
from tests.benchmarks.own_valkey import own_valkey
from tests.benchmarks.report import Report

MODEL, PROMPT, STEPS = "sprint-demo", "a red circle on a blue background", 2
MOST_OF_BEFORE = 0.5
#: A farm of ten processes and three models against one process and one model: half as long again.
MOST_OF_BARE = 1.5


@dataclass(frozen=True)
class Start:
    """Seconds from the command to ready and to the first picture, and CPU seconds of all processes until then."""

    ready: float
    picture: float
    cpu: float


def main() -> None:
    """Measure and write build/bench/cold-start.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--before", type=Path, help="another checkout, whose farm is started too")
    parser.add_argument("--quick", action="store_true", help="one pair: does it run?")
    asked = parser.parse_args()
    pairs = 1 if asked.quick else asked.pairs
    report = Report("cold-start", {"pairs": pairs, "model": MODEL, "steps": STEPS, "before": str(asked.before or "")})
    farms, bare, before = [], [], []
    with tempfile.TemporaryDirectory(prefix="farm-bench-") as folder, own_valkey(Path(folder)) as redis_url:
        for number in range(pairs):
            farms.append(_farm(Path.cwd()))
            bare.append(_bare(redis_url, Path(folder) / f"{number}.png"))
            if asked.before:
                before.append(_farm(asked.before))
    for name, starts in (("farm up", farms), ("bare Celery and diffusers", bare), ("farm up before", before)):
        if starts:
            report.sample(f"{name}: ready, s", [start.ready for start in starts])
            report.sample(f"{name}: first picture, s", [start.picture for start in starts])
            report.sample(f"{name}: CPU until then, s", [start.cpu for start in starts])
    ratio = [ours.picture / theirs.picture for ours, theirs in zip(farms, bare, strict=True)]
    median = report.sample("first picture, farm over bare, of each pair", ratio)
    report.aim("first picture: farm / bare", median, "<=", MOST_OF_BARE)
    if before:
        ready = [ours.ready / was.ready for ours, was in zip(farms, before, strict=True)]
        report.aim("ready: farm / before", report.sample("ready, of each pair", ready), "<=", MOST_OF_BEFORE)
        cpu = [ours.cpu / was.cpu for ours, was in zip(farms, before, strict=True)]
        report.sample("CPU until the first picture, farm over before, of each pair", cpu)
    report.write()


def _farm(checkout: Path) -> Start:
    began = time.monotonic()
    with running_farm(checkout) as (root, data):
        ready = time.monotonic() - began
        found = json.loads((data / "client.json").read_text())
        with FarmClient(found["url"], found["key"]) as client:
            job = client.submit(MODEL, PROMPT, num_inference_steps=STEPS)
            client.wait(job.id)
        return Start(ready, time.monotonic() - began, _cpu([root, *root.children(recursive=True)]))


def _bare(redis_url: str, picture: Path) -> Start:
    began = time.monotonic()
    variables = {**os.environ, "BENCH_REDIS_URL": redis_url}
    command = [sys.executable, "-m", "tests.benchmarks.bare_celery"]
    with subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        try:
            if worker.stdout.readline().strip() != "loaded":
                raise SystemExit("The bare worker did not start.")
            ready = time.monotonic() - began
            make_app(redis_url).send_task(TASK, [PROMPT, STEPS, str(picture)])
            while not picture.exists():
                time.sleep(0.01)
            process = psutil.Process(worker.pid)
            return Start(ready, time.monotonic() - began, _cpu([process, *process.children(recursive=True)]))
        finally:
            worker.terminate()
            worker.wait(60)


def _cpu(processes: list[psutil.Process]) -> float:
    """Those that have ended since, and whose parent waited for them, count with their parent."""
    times = [process.cpu_times() for process in processes]
    return sum(one.user + one.system + one.children_user + one.children_system for one in times)


if __name__ == "__main__":
    main()
