"""Many jobs of one picture over HTTP, against `apply_async` of plain Celery behind a Flask endpoint.

    .venv/bin/python -m tests.benchmarks.small_jobs [--rounds 15] [--jobs 40] [--quick]

`farm dashboard` in one process and `tests.benchmarks.flask_celery` in one process, on one Valkey, both with SQLite; one
client with one connection to each, in turns, so many submissions of each in a round. Ours checks key, body, quota and
model, and commits job, render, event and the flow's turn; the other keeps a row of the task, or none. The median of the
rounds' ratios counts.
"""

import argparse
import logging
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import structlog
from pydantic import SecretStr

from farm.accounts import create_key, create_project
from farm.broker import broker_url
from farm.connections import Connections
from farm.local.ports import Ports
from farm.schema.upgrade import upgrade
from farm.settings import Settings
from scheduler.fleet.catalog_sync import sync_catalog
from tests.benchmarks.flask_celery import KEY
from tests.benchmarks.own_dashboard import own_dashboard
from tests.benchmarks.own_valkey import own_valkey
from tests.benchmarks.report import Report
from tests.waiting import eventually

PROMPT = "a red circle on a blue background"
#: An accepted job of the farm may take so many times as long as a task with a row of its own.
MOST_OF_FLASK = 4.0


def main() -> None:
    """Measure and write build/bench/small-jobs.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--jobs", type=int, default=40, help="of each in a round")
    parser.add_argument("--quick", action="store_true", help="few of them: does it run?")
    asked = parser.parse_args()
    if asked.quick:
        asked.rounds, asked.jobs = 5, 15
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    report = Report("small-jobs", {"rounds": asked.rounds, "jobs of a round": asked.jobs, "processes of each": 1})
    with tempfile.TemporaryDirectory(prefix="farm-bench-") as folder, own_valkey(Path(folder)) as redis_url:
        settings = Settings(
            data_dir=Path(folder),
            database_url=SecretStr(f"sqlite:///{folder}/farm.sqlite3"),
            redis_url=SecretStr(redis_url),
            secret_key=SecretStr(secrets.token_hex()),
            dashboard_processes=1,
        )
        with own_dashboard(settings, _key(settings)) as ours, _flask(settings, redis_url) as theirs:
            taken = _rounds(asked.rounds, asked.jobs, ours, theirs)
    for way, seconds in taken.items():
        report.sample(f"{way}: accepted a second", [asked.jobs / spent for spent in seconds])
    for way in ("Flask, Celery and a row", "Flask and Celery"):
        report.samples[f"farm / {way}"] = [a / b for a, b in zip(taken["farm"], taken[way], strict=True)]
    report.measure("farm / Flask and Celery", statistics.median(report.samples["farm / Flask and Celery"]))
    ratio = statistics.median(report.samples["farm / Flask, Celery and a row"])
    report.aim("farm / Flask, Celery and a row", ratio, "<=", MOST_OF_FLASK)
    report.write()


def _key(settings: Settings) -> str:
    upgrade(settings)
    with Connections.open(settings) as connections:
        sync_catalog(connections.engine, connections.catalog, connections.clock())
        return create_key(connections.engine, create_project(connections.engine, "bench"), name="bench").secret


def _rounds(rounds: int, jobs: int, ours: httpx.Client, theirs: httpx.Client) -> dict[str, list[float]]:
    """Seconds of each way, round by round; the first round warms up."""
    ways: dict[str, Callable[[int], httpx.Response]] = {
        "farm": lambda number: ours.post("/api/v1/jobs", json=_job(number)),
        "Flask, Celery and a row": lambda number: theirs.post("/jobs", json=_job(number)),
        "Flask and Celery": lambda number: theirs.post("/jobs?row=no", json=_job(number)),
    }
    taken: dict[str, list[float]] = {way: [] for way in ways}
    for round_number in range(rounds + 1):
        for way, post in ways.items():
            began = time.perf_counter()
            for number in range(jobs):
                assert post(number).status_code == httpx.codes.CREATED
            if round_number:
                taken[way].append(time.perf_counter() - began)
    return taken


def _job(number: int) -> dict[str, object]:
    return {"model": "sana-demo", "prompt": f"{PROMPT}, plate {number}", "seed": number}


@contextmanager
def _flask(settings: Settings, redis_url: str) -> Iterator[httpx.Client]:
    """A client of the peer, which runs meanwhile."""
    port = Ports(settings.data_dir / "ports.json").take("peer")
    arguments = [str(port), broker_url(redis_url), str(settings.data_dir / "peer.sqlite3")]
    process = subprocess.Popen([sys.executable, "-m", "tests.benchmarks.flask_celery", *arguments])
    try:
        with httpx.Client(
            base_url=f"http://127.0.0.1:{port}", headers={"Authorization": f"Bearer {KEY}"}, timeout=60, verify=False
        ) as client:
            eventually(lambda: process.poll() is not None or _answers(client), timeout=240)
            yield client
    finally:
        process.kill()
        process.wait()


def _answers(client: httpx.Client) -> bool:
    try:
        return client.post("/jobs", json=_job(0)).status_code == httpx.codes.CREATED
    except httpx.TransportError:
        return False


if __name__ == "__main__":
    main()
