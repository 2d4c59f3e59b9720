"""What a claim costs behind 10,000, 100,000 and 1,000,000 renders, and after 200,000 claims; on both databases.

    make bench NAME=claims          about ten minutes on two quiet cores
    .venv/bin/python -m tests.benchmarks.claims --quick

Every time is that of `scheduler.claims.claim_batch.claim`, commit included, seen by the claimer. Databases lie side by
side and are measured in turns, block after block, so that what else the machine does weighs on all of them alike. A
ratio
is the median of the blocks' ratios.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, func, select, text

from farm.database import make_engine, read
from farm.ids import new_id
from farm.schema.upgrade import upgrade
from farm.tables import Attempt
from scheduler.claims.claim_batch import Claimer, claim
from scheduler.claims.scan_cursor import ScanCursor
from scheduler.fair_share.fold_charges import fold
from tests.benchmarks.backlogs import LANE, POOL, fill, tidy
from tests.benchmarks.claimers import ClaimerProcesses, TimedClaimer, claimer_processes
from tests.benchmarks.report import Report, quantile
from tests.databases import PostgresServer, running_postgres
from tests.scheduler.effort import effort

CAPACITY, CLAIMERS, FLOWS, KINDS = 8, 8, 8, 4
#: How long autovacuum, which looks every second here, is given when the snapshot is gone.
_VACUUM_SECONDS = 5.0


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    small: int = 10_000
    middle: int = 100_000
    large: int = 1_000_000
    blocks: int = 9
    claims: int = 40  # of one claimer in a block
    rush: int = 8  # of each of eight claimers in a block
    old: int = 200_000  # claims of one render each
    counted: int = 100_000  # renders, claimed by eight


QUICK = Sizes(small=2_000, middle=5_000, large=20_000, blocks=5, claims=10, rush=4, old=1_600, counted=2_400)


def main() -> None:
    """Measure, print, and write build/bench/claims.json."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--quick", action="store_true", help="small sizes: shows that it runs, not how fast")
    quick = options.parse_args().quick
    sizes = QUICK if quick else Sizes()
    report = Report(
        "claims",
        vars(sizes) | {"capacity": CAPACITY, "claimers": CLAIMERS, "flows": FLOWS, "batch_keys": KINDS, "quick": quick},
    )
    with (
        tempfile.TemporaryDirectory() as folder,
        running_postgres("autovacuum_naptime=1s") as server,
        claimer_processes(CLAIMERS) as claimers,
    ):
        for place in (_sqlite(Path(folder)), _postgres(server)):
            _sizes(report, place, sizes, claimers)
        _no_render_twice(report, _postgres(server), sizes, claimers)
        _after_many(report, _postgres(server), sizes, claimers)
    report.write()


@dataclass(frozen=True)
class Place:
    """Where databases are made."""

    kind: str
    url: Callable[[str], str]

    def make(self, name: str, pending: int) -> str:
        """The URL of a new database with so many pending renders."""
        url = self.url(name)
        upgrade(url)
        engine = make_engine(url)
        fill(engine, pending, flows=FLOWS, kinds=KINDS)
        engine.dispose()
        return url


def _sqlite(folder: Path) -> Place:
    return Place("sqlite", lambda name: f"sqlite:///{folder}/{name}.sqlite3")


def _postgres(server: PostgresServer) -> Place:
    def url(name: str) -> str:
        server.execute(f"CREATE DATABASE {name}")
        return server.url(name)

    return Place("postgresql", url)


def _sizes(report: Report, place: Place, sizes: Sizes, claimers: ClaimerProcesses) -> None:
    """10 k, 100 k and 1 M side by side, with one claimer and with eight; then what one claim touches."""
    taken = (sizes.blocks + 1) * (sizes.claims + sizes.rush * CLAIMERS) * CAPACITY
    urls = {}
    for name, size in {"10k": sizes.small, "100k": sizes.middle, "1m": sizes.large}.items():
        began = time.perf_counter()
        # Half of what is claimed on top, so that its mean is what it is called.
        urls[name] = place.make(f"pending_{name}", size + taken // 2)
        print(f"{place.kind}: {size:,} pending made in {time.perf_counter() - began:.1f} s", flush=True)
    one = {name: TimedClaimer(url) for name, url in urls.items()}
    for claimer in one.values():
        claimer.timed(10, CAPACITY)  # statements are prepared, pages are read
    for who, block in {
        "1 claimer": lambda name: one[name].timed(sizes.claims, CAPACITY),
        f"{CLAIMERS} claimers": lambda name: claimers.all(urls[name], "timed", sizes.rush, CAPACITY),
    }.items():
        _compare(
            report, f"{place.kind}, {who}", sizes, block, goals=who == "1 claimer", postgres=place.kind != "sqlite"
        )
    _touched(report, place.kind, {name: one[name].engine for name in ("10k", "1m")})
    for claimer in one.values():
        claimer.engine.dispose()


def _compare(
    report: Report, what: str, sizes: Sizes, block: Callable[[str], list[float]], *, goals: bool, postgres: bool
) -> None:
    found: dict[str, list[list[float]]] = {"10k": [], "100k": [], "1m": []}
    for name in found:
        block(name)  # warm
    for _ in range(sizes.blocks):
        for name, blocks in found.items():
            blocks.append(block(name))
    for name, blocks in found.items():
        every = [sample for one in blocks for sample in one]
        report.sample(f"{what}, {name} pending: p50, ms", [statistics.median(one) for one in blocks])
        report.measure(f"{what}, {name} pending: p99, ms", quantile(every, 0.99))
    p50 = statistics.median(_ratios(found["1m"], found["10k"], statistics.median))
    everywhere = {name: quantile([sample for one in blocks for sample in one], 0.99) for name, blocks in found.items()}
    p99 = everywhere["1m"] / everywhere["10k"]
    if goals:
        report.aim(f"{what}: p50 at 1 M / 10 k", p50, "<=", 1.5)
    else:
        report.measure(f"{what}: p50 at 1 M / 10 k", p50)
    if goals and postgres:
        report.aim(f"{what}: p99 at 1 M / 10 k", p99, "<=", 3.0)
    else:
        report.measure(f"{what}: p99 at 1 M / 10 k", p99)


def _ratios(
    over: Sequence[Sequence[float]], under: Sequence[Sequence[float]], of: Callable[[Sequence[float]], float]
) -> list[float]:
    return [of(first) / of(second) for first, second in zip(over, under, strict=True)]


def _touched(report: Report, kind: str, engines: dict[str, Engine]) -> None:
    """SQLite's steps, PostgreSQL's buffers and rows, of whole claims; charges are folded before each."""
    unit = "steps" if kind == "sqlite" else "buffers + rows"
    medians = {}
    for name, engine in engines.items():
        if kind != "sqlite":
            tidy(engine)
        scan_cursor = ScanCursor()
        found = []
        for _ in range(7):
            fold(engine, LANE, time.time(), late=True)
            found.append(effort(engine, lambda engine=engine, mark=scan_cursor: _claim(engine, mark)))  # type: ignore[misc]
        medians[name] = report.sample(f"{kind}: {unit} of a claim, {name} pending", found)
    report.aim(f"{kind}: {unit} at 1 M / 10 k", medians["1m"] / medians["10k"], "<=", 1.25)


def _claim(engine: Engine, scan_cursor: ScanCursor) -> object:
    return claim(engine, Claimer(POOL, new_id(), 3600.0, scan_cursor=scan_cursor), capacity=CAPACITY, now=time.time())


def _no_render_twice(report: Report, place: Place, sizes: Sizes, claimers: ClaimerProcesses) -> None:
    """Eight claimers take 100,000 renders and settle them; every render is counted."""
    url = place.make("counted", sizes.counted + 1000)
    began = time.perf_counter()
    each = -(-sizes.counted // (CLAIMERS * CAPACITY))
    ids = claimers.all(url, "work", each, CAPACITY, True)
    seconds = time.perf_counter() - began
    engine = make_engine(url)
    with read(engine) as connection:
        again = connection.scalar(select(func.count()).select_from(Attempt).where(Attempt.number > 1)) or 0
    engine.dispose()
    report.measure("postgresql: renders claimed and settled by 8", len(ids))
    report.measure("postgresql: renders a second, claimed and settled by 8", len(ids) / seconds)
    report.aim("postgresql: renders that were claimed twice", len(ids) - len(set(ids)) + again, "<=", 0)


def _after_many(report: Report, place: Place, sizes: Sizes, claimers: ClaimerProcesses) -> None:
    """200,000 claims of one render each by eight claimers, settled, all of it while a snapshot is held; then this
    database against a fresh one: under the snapshot still, and again when it is gone and autovacuum has had its time.
    """
    left = 2 * (sizes.blocks * sizes.claims + 40) * CAPACITY
    old, fresh = place.make("old", sizes.old + left), place.make("fresh", left)
    both = {name: TimedClaimer(url) for name, url in {"fresh": fresh, "old": old}.items()}
    with _held(old):
        began = time.perf_counter()
        claimers.all(old, "work", sizes.old // CLAIMERS, 1, True)
        print(f"postgresql: {sizes.old:,} claims in {time.perf_counter() - began:.0f} s", flush=True)
        _old_against_fresh(report, "while a snapshot is held", both, sizes)
    time.sleep(_VACUUM_SECONDS)
    _old_against_fresh(report, "without a snapshot", both, sizes)
    for claimer in both.values():
        claimer.engine.dispose()


def _old_against_fresh(report: Report, what: str, both: dict[str, TimedClaimer], sizes: Sizes) -> None:
    blocks: dict[str, list[list[float]]] = {name: [] for name in both}
    for claimer in both.values():
        claimer.timed(10, CAPACITY)
    for _ in range(sizes.blocks):
        for name, claimer in both.items():
            blocks[name].append(claimer.timed(sizes.claims, CAPACITY))
    for name, found in blocks.items():
        report.sample(f"postgresql, {what}, {name}: p50, ms", [statistics.median(block) for block in found])
        every = [sample for block in found for sample in block]
        report.measure(f"postgresql, {what}, {name}: p99, ms", quantile(every, 0.99))
    ratio = statistics.median(_ratios(blocks["old"], blocks["fresh"], statistics.median))
    report.aim(f"postgresql, {what}: p50 after {sizes.old:,} claims / fresh", ratio, "<=", 1.5)


@contextmanager
def _held(url: str) -> Iterator[None]:
    """Another transaction that has looked at the database and does not end, as a long report or a dump would."""
    engine = make_engine(url)
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as watcher:
        watcher.execute(text("SELECT count(*) FROM flows"))
        yield
    engine.dispose()


if __name__ == "__main__":
    main()
