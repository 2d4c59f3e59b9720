"""A large farm's database: 64 workers that claim at once behind a million renders, and a cancel of a million.

    make bench NAME=scale           some ten minutes on two quiet cores
    .venv/bin/python -m tests.benchmarks.scale --quick

On PostgreSQL, claims by 8 and by 64 processes are measured in turns, block after block; then a cancel of a job that
stands before others in its flow: how soon it answers, how fast the supervisor ends it, what is claimed meanwhile.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import func, select

from farm.connections import Connections
from farm.database import make_engine, read
from farm.ids import new_id
from farm.schema.upgrade import upgrade
from farm.settings import Settings
from farm.tables import Job, Render
from scheduler.claims.claim_batch import Claimer, claim
from scheduler.control.cancel import cancel_job
from scheduler.maintenance import end_marked_jobs
from tests.benchmarks.backlogs import POOL, fill, tidy
from tests.benchmarks.claimers import claimer_processes
from tests.benchmarks.report import Report, quantile
from tests.databases import PostgresServer, running_postgres

CAPACITY, FEW, MANY = 8, 8, 64


def main() -> None:
    """Measure, print, and write build/bench/scale.json."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--quick", action="store_true", help="small sizes: shows that it runs, not how fast")
    quick = options.parse_args().quick
    pending, blocks, many = (20_000, 2, 16) if quick else (1_000_000, 7, MANY)
    report = Report("scale", {"pending": pending, "blocks": blocks, "claimers": [FEW, many], "capacity": CAPACITY})
    with running_postgres() as server:
        _claims(report, _filled(server, "claimed", pending, flows=8), blocks, many)
        _cancel(report, _filled(server, "cancelled", pending, flows=1), pending)
    report.write()


def _filled(server: PostgresServer, name: str, pending: int, flows: int) -> str:
    server.execute(f"CREATE DATABASE {name}")
    url = server.url(name)
    upgrade(url)
    engine = make_engine(url)
    fill(engine, pending, flows=flows)
    tidy(engine)
    engine.dispose()
    return url


def _claims(report: Report, url: str, blocks: int, many: int) -> None:
    """Claims a second, and how long each takes, by few and by many processes on the same backlog."""
    rates: dict[int, list[float]] = {FEW: [], many: []}
    times: dict[int, list[float]] = {FEW: [], many: []}
    with claimer_processes(FEW) as few, claimer_processes(many) as all_of_them:
        for claimers in (few, all_of_them):
            claimers.all(url, "timed", 2, CAPACITY)  # statements are prepared, connections are open
        for _ in range(blocks):
            for size, claimers in ((FEW, few), (many, all_of_them)):
                count, began = 160 // size, time.perf_counter()
                times[size] += claimers.all(url, "timed", count, CAPACITY)
                rates[size].append(count * size / (time.perf_counter() - began))
    for size in rates:
        report.sample(f"{size} claimers: claims a second", rates[size])
        report.measure(f"{size} claimers: p50, ms", statistics.median(times[size]))
        report.measure(f"{size} claimers: p99, ms", quantile(times[size], 0.99))
    ratio = [more / less for more, less in zip(rates[many], rates[FEW], strict=True)]
    report.aim(
        f"claims a second: {many} / {FEW}",
        report.sample(f"claims a second: {many} / {FEW}, each block", ratio),
        ">=",
        2,
    )
    report.aim(f"{many} claimers: p99 / p50", quantile(times[many], 0.99) / statistics.median(times[many]), "<=", 3)


def _cancel(report: Report, url: str, pending: int) -> None:
    """One job of all that is pending; some of it runs."""
    with _connections(url) as connections:
        claimer = Claimer(POOL, new_id(), 3600.0)
        claim(connections.engine, claimer, capacity=CAPACITY, now=time.time())
        with read(connections.engine) as connection:
            [job] = connection.scalars(select(Job.id)).all()
        began = time.perf_counter()
        at_once = cancel_job(connections, job)
        report.aim("a cancel of all of them: answered, s", time.perf_counter() - began, "<=", 1)
        claimed, behind = 0, 0
        began = time.perf_counter()
        while ended := end_marked_jobs.one_pass(connections, time.time()):
            behind += ended
            claimed += claim(connections.engine, claimer, capacity=CAPACITY, now=time.time()) is not None
        report.aim("renders ended a second, in the background", behind / (time.perf_counter() - began), ">=", 20_000)
        report.aim("claims of it after the answer", claimed, "<=", 0)
        with read(connections.engine) as connection:
            statuses = dict(connection.execute(select(Render.status, func.count()).group_by(Render.status)).all())
        report.aim("renders that were not cancelled", pending - statuses.get("cancelled", 0), "<=", 0)
        report.measure("renders that had ended at the answer", at_once)


@contextmanager
def _connections(url: str) -> Iterator[Connections]:
    with (
        tempfile.TemporaryDirectory() as folder,
        Connections.open(Settings(data_dir=Path(folder), database_url=url)) as connections,
    ):
        yield connections


if __name__ == "__main__":
    main()
