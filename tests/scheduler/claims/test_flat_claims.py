"""A claim costs the same behind a long backlog: counted in what the database does, not in time."""

import statistics

import pytest
from sqlalchemy import Engine, text

from farm.database import make_engine
from farm.ids import new_id
from scheduler.claims.claim_batch import Claimer, claim
from scheduler.claims.scan_cursor import ScanCursor
from scheduler.fair_share.fold_charges import fold
from tests.benchmarks.backlogs import LANE, POOL, fill
from tests.scheduler.effort import effort


def claim_eight(engine: Engine, scan_cursor: ScanCursor) -> None:
    claim(engine, Claimer(POOL, new_id(), 30.0, scan_cursor=scan_cursor), capacity=8, now=0.0)


def claims(engine: Engine, count: int, scan_cursor: ScanCursor) -> list[int]:
    """The effort of each of so many claims of 8; charges are folded between, so that each reads as few."""
    found = []
    for _ in range(count):
        fold(engine, LANE, 0.0)
        found.append(effort(engine, lambda: claim_eight(engine, scan_cursor)))
    return found


def test_a_claim_touches_as_much_behind_thirty_times_the_backlog(engine: Engine) -> None:
    fill(engine, 1_000)
    few = statistics.median(claims(engine, 9, ScanCursor()))
    with engine.begin() as connection:
        for table in ("charges", "attempts", "renders", "jobs", "flows", "lane_classes", "pools", "lanes", "projects"):
            connection.execute(text(f"DELETE FROM {table}"))
    fill(engine, 30_000)
    many = statistics.median(claims(engine, 9, ScanCursor()))
    assert few > 0
    assert many <= 1.3 * few


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_claim_does_not_wade_through_what_others_claimed_while_a_snapshot_is_held(database_url: str) -> None:
    engine = make_engine(database_url)
    fill(engine, 6_000)
    scan_cursor = ScanCursor(life=1e9)
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as watcher:
        watcher.execute(text("SELECT 1 FROM flows"))
        fresh = statistics.median(claims(engine, 9, scan_cursor))
        for _ in range(400):
            claim_eight(engine, scan_cursor)
        old = statistics.median(claims(engine, 9, scan_cursor))
    engine.dispose()
    assert old <= 1.5 * fresh
