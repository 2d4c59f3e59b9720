"""How soon an idle farm begins: from the commit of an admission to the commit of the claim, against plain Celery.

    .venv/bin/python -m tests.benchmarks.idle_start [--blocks 9] [--samples 30] [--quick]

Ours: `scheduler.admission.submit` of one picture in this process; its commit; counter and ring in Valkey; the ring
worker in another process (Celery, threads, one at a time) runs the worker's own feeder, which claims from SQL, commits
and hands the batch to an engine that says the time. The clock runs from the return of the admission's transaction to
that hand-over, so it holds a little more than the claim. Less one bare commit (one row, same database, same block).
Celery: a task that says the time, sent to a worker of the same kind on the same Valkey: one way, from before it is sent
until it runs, and the round trip until its result is here.

Blocks of each, one after the other; each block gives medians and one ratio; the median of the ratios counts.
"""

import argparse
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import structlog
from celery import Celery
from pydantic import SecretStr
from sqlalchemy import insert, update

from farm.accounts import create_project
from farm.connections import Connections
from farm.database import write
from farm.ids import new_id
from farm.lifecycle import WorkerStatus
from farm.params import JobRequest
from farm.progress import JobChanged, ProgressBoard
from farm.schema.upgrade import upgrade
from farm.settings import Settings
from farm.tables import Lease, Worker
from scheduler.admission.submit import submit
from scheduler.fleet.catalog_sync import sync_catalog
from tests.benchmarks.idle_worker import NOOP_QUEUE, make_noop
from tests.benchmarks.own_valkey import own_valkey
from tests.benchmarks.report import Report
from tests.databases import running_postgres

MOST_ONE_WAY = 2.5
POOL = "sprint-demo-local"
REQUEST = JobRequest.model_validate({"model": "sprint-demo", "prompt": "a red circle on a blue background"})
#: Between two samples: what the last one began in the worker is over.
_REST_SECONDS = 0.05


class CommittedBoard(ProgressBoard):
    """Remembers when the first thing after an admission's commit was done: telling of it."""

    committed_at = 0.0

    def announce(self, *changes: JobChanged, lanes: Sequence[str] = ()) -> None:
        """As ever."""
        self.committed_at = time.monotonic()
        super().announce(*changes, lanes=lanes)


@dataclass
class Block:
    """Seconds of each sample of one block."""

    starts: list[float]
    commits: list[float]
    ways: list[float]
    trips: list[float]

    @property
    def ratio(self) -> float:
        """(start - commit) / one way, of their medians: one way against one way."""
        return self._start / statistics.median(self.ways)

    @property
    def ratio_to_trip(self) -> float:
        """(start - commit) / round trip, of their medians: one way against there and back."""
        return self._start / statistics.median(self.trips)

    @property
    def _start(self) -> float:
        return statistics.median(self.starts) - statistics.median(self.commits)


def main() -> None:
    """Measure and write build/bench/idle-start.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--blocks", type=int, default=9)
    parser.add_argument("--samples", type=int, default=30)
    parser.add_argument("--quick", action="store_true", help="few samples: does it run?")
    asked = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    if asked.quick:
        asked.blocks, asked.samples = 5, 6
    report = Report(
        "idle-start",
        {
            "blocks": asked.blocks,
            "samples of each in a block": asked.samples,
            "submitter": "scheduler.admission.submit.submit in its own process",
            "worker": "farm.ring_consumer with workers.agent.engine_feeder; the engine only says the time",
            "no-op": "Celery worker, threads, concurrency 1, redis results",
            "valkey": "unix socket, as farm up starts it",
            "commit": "SQLite: WAL, synchronous NORMAL; PostgreSQL: synchronous, claims asynchronous, as in a farm",
        },
    )
    with (
        tempfile.TemporaryDirectory(prefix="farm-bench-") as folder,
        own_valkey(Path(folder)) as redis_url,
        running_postgres() as server,
    ):
        server.execute("CREATE DATABASE bench")
        for name, url in (("sqlite", f"sqlite:///{folder}/farm.sqlite3"), ("postgresql", server.url("bench"))):
            settings = Settings(data_dir=folder, database_url=SecretStr(url), redis_url=SecretStr(redis_url))
            _measure(report, name, settings, asked.blocks, asked.samples)
    report.write()


def _measure(report: Report, name: str, settings: Settings, blocks: int, samples: int) -> None:
    upgrade(settings)
    with Connections.open(settings) as connections:
        board = CommittedBoard(settings.redis_url.get_secret_value() if settings.redis_url else None)
        connections.progress = board
        sync_catalog(connections.engine, connections.catalog, connections.clock())
        project, worker_id = create_project(connections.engine, "bench"), _sign_on(connections)
        _make_row(connections)
        with _process(settings, "ring", POOL, worker_id) as said, _process(settings, "noop", POOL):
            noop = make_noop(settings)
            _trip(noop)
            _start(connections, board, project, said)  # both are up and warm
            measured = []
            for number in range(blocks + 1):
                block = Block([], [], [], [])
                for _ in range(samples):
                    block.starts.append(_start(connections, board, project, said))
                    way, trip = _trip(noop)
                    block.ways.append(way)
                    block.trips.append(trip)
                    block.commits.append(_commit(connections))
                if number:  # the first warms up
                    measured.append(block)
            noop.close()
    report.sample(
        f"{name}: admission's commit to claim's commit, s", [one for block in measured for one in block.starts]
    )
    report.sample(f"{name}: one bare commit, s", [one for block in measured for one in block.commits])
    report.sample(f"{name}: no-op round trip of Celery, s", [one for block in measured for one in block.trips])
    report.sample(f"{name}: no-op of Celery, one way, s", [one for block in measured for one in block.ways])
    to_trip = report.sample(f"{name}: ratio to a round trip, each block", [block.ratio_to_trip for block in measured])
    report.measure(f"{name}: idle start less a commit / round trip", to_trip)
    median = report.sample(f"{name}: ratio of each block", [block.ratio for block in measured])
    report.aim(f"{name}: idle start less a commit / one way of Celery", median, "<=", MOST_ONE_WAY)


def _start(connections: Connections, board: CommittedBoard, project: str, said: IO[str]) -> float:
    """One picture on an idle farm."""
    time.sleep(_REST_SECONDS)
    submit(
        connections,
        project_id=project,
        user_id=None,
        request=REQUEST,
        idempotency_key=None,
        body_sha256="0" * 64,
    )
    _, at = said.readline().split()
    return float(at) - board.committed_at


def _trip(noop: Celery) -> tuple[float, float]:
    """From before it is sent until the task runs, and until its result is here."""
    time.sleep(_REST_SECONDS)
    began = time.monotonic()
    ran = noop.send_task("noop", queue=NOOP_QUEUE).get(timeout=30)
    return ran - began, time.monotonic() - began


def _commit(connections: Connections) -> float:
    """One row of one small table, changed and committed."""
    began = time.monotonic()
    with write(connections.engine) as connection:
        connection.execute(update(Lease).where(Lease.name == "bench").values(until=began))
    return time.monotonic() - began


def _make_row(connections: Connections) -> None:
    with write(connections.engine) as connection:
        connection.execute(insert(Lease).values(name="bench", holder="bench", until=0.0))


def _sign_on(connections: Connections) -> str:
    """The worker is known and idle, so that it is rung."""
    worker_id, now = new_id(), connections.clock()
    with write(connections.engine) as connection:
        connection.execute(
            insert(Worker).values(
                id=worker_id, pool=POOL, host="here", pid=1, status=WorkerStatus.IDLE.value, device="cpu",
                model="sprint-demo", details={}, started_at=now, heartbeat_at=now + 1e9,
            )
        )  # fmt: skip
    return worker_id


@contextmanager
def _process(settings: Settings, *arguments: str) -> Iterator[IO[str]]:
    command = [sys.executable, "-m", "tests.benchmarks.idle_worker", *arguments]
    variables = os.environ | settings.to_variables() | {"FARM_LOG_LEVEL": "WARNING"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=variables) as process:
        assert process.stdout is not None
        try:
            yield process.stdout
        finally:
            process.terminate()
            process.wait(30)


if __name__ == "__main__":
    main()
