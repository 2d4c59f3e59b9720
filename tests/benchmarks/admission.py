"""Admission against Celery: one job of 10,000 renders, and 10,000 messages, in the same run on the same Valkey.

    .venv/bin/python -m tests.benchmarks.admission [--renders 10000] [--rounds 5] [--quick]

Ours: the body of POST /api/v1/jobs as bytes until the job is committed and its workers are rung: reading the JSON,
request validation's checks, resolving, quotas, rows, event, counters and rings. Celery's: `apply_async` with one
producer held open (its fastest way), no result, the id of a render as the only argument. Rounds of each, one after the
other.
"""

import argparse
import gc
import json
import logging
import secrets
import tempfile
import time
from pathlib import Path
from typing import Any

import structlog
from celery import Celery
from pydantic import SecretStr

from farm.accounts import create_project
from farm.broker import broker_url
from farm.connections import Connections
from farm.ids import new_id
from farm.params import check_and_resolve, parse_json_body
from farm.redis_connection import connect
from farm.schema.upgrade import upgrade
from farm.settings import Settings
from scheduler.admission.submit import draw_seed, submit
from scheduler.fleet.catalog_sync import sync_catalog
from tests.benchmarks.own_valkey import own_valkey
from tests.benchmarks.report import Report
from tests.databases import running_postgres

MOST_OF_CELERY = 1 / 15
MODEL = "sana-demo"


def main() -> None:
    """Measure and write build/bench/admission.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--renders", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="few renders and rounds: does it run?")
    asked = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    if asked.quick:
        asked.renders, asked.rounds = 1_000, 3
    report = Report(
        "admission", {"renders": asked.renders, "rounds": asked.rounds, "model": MODEL, "commit": "fsync on"}
    )
    with (
        tempfile.TemporaryDirectory(prefix="farm-bench-") as folder,
        own_valkey(Path(folder)) as redis_url,
        running_postgres() as server,
    ):
        server.execute("CREATE DATABASE bench")
        for name, url in (("postgresql", server.url("bench")), ("sqlite", f"sqlite:///{folder}/farm.sqlite3")):
            _measure(report, name, url, redis_url, Path(folder), asked.renders, asked.rounds)
    report.write()


def _measure(
    report: Report, name: str, database_url: str, redis_url: str, folder: Path, renders: int, rounds: int
) -> None:
    settings = Settings(data_dir=folder, database_url=SecretStr(database_url), redis_url=SecretStr(redis_url))
    upgrade(settings)
    celery, wire = Celery("bench", broker=broker_url(redis_url)), connect(redis_url)
    task = celery.task(name=f"{name}.render", ignore_result=True)(_render)
    ways: dict[str, list[float]] = {"one prompt, many seeds": [], "each its own prompt": [], "apply_async": []}
    with Connections.open(settings) as connections:
        sync_catalog(connections.engine, connections.catalog, connections.clock())
        project_id = create_project(connections.engine, "bench")
        for number in range(rounds + 1):  # the first warms up
            taken = {
                "one prompt, many seeds": _admit(connections, project_id, _seeds(renders)),
                "each its own prompt": _admit(connections, project_id, _prompts(renders, number)),
                "apply_async": _publish(celery, task, renders),
            }
            wire.flushall()
            for way, seconds in taken.items():
                if number:
                    ways[way].append(seconds)
    wire.close()
    for way, samples in ways.items():
        report.sample(f"{name}: {way}, s", samples)
    for way in ("one prompt, many seeds", "each its own prompt"):
        ratios = [ours / theirs for ours, theirs in zip(ways[way], ways["apply_async"], strict=True)]
        median = report.sample(f"{name}: {way} / apply_async, each round", ratios)
        report.aim(f"{name}: {way} / apply_async", median, "<=", MOST_OF_CELERY)


def _seeds(renders: int) -> bytes:
    return json.dumps({"model": MODEL, "prompt": "a red circle on a blue background", "seed_count": renders}).encode()


def _prompts(renders: int, number: int) -> bytes:
    prompts = [f"a red circle on a blue background, plate {index} of set {number}" for index in range(renders)]
    return json.dumps({"model": MODEL, "prompt": prompts}).encode()


def _admit(connections: Connections, project_id: str, body: bytes) -> float:
    """Seconds from the bytes of the body to the rings."""
    gc.collect()
    began = time.perf_counter()
    most = connections.settings.max_renders_per_job
    document = parse_json_body(body, connections.settings.max_body_bytes)
    request, resolved = check_and_resolve(document, connections.catalog, max_renders=most, draw_seed=draw_seed)
    submit(
        connections,
        project_id=project_id,
        user_id=None,
        request=request,
        idempotency_key=secrets.token_hex(),
        body_sha256="0" * 64,
        resolved=resolved,
    )
    return time.perf_counter() - began


def _render(render_id: str) -> None:
    """What a worker of plain Celery would do with its one render."""


def _publish(celery: Celery, task: Any, messages: int) -> float:
    """Seconds for so many messages, ids made beforehand."""
    ids = [new_id() for _ in range(messages)]
    gc.collect()
    with celery.producer_pool.acquire(block=True) as producer:
        began = time.perf_counter()
        for render_id in ids:
            task.apply_async((render_id,), producer=producer, queue="bench")
        return time.perf_counter() - began


if __name__ == "__main__":
    main()
