"""Scores of a process that is slow, stuck or killed: its own while it lives, and another's soon after it is dead."""

import io
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import select

from farm.accounts import create_project
from farm.catalog import Catalog
from farm.clock import system_clock
from farm.connections import Connections
from farm.database import read
from farm.lifecycle import Outcome
from farm.settings import Settings
from farm.storage import Storage
from farm.tables import Artifact, Score
from scheduler.fleet.catalog_sync import sync_catalog
from scheduler.gallery.scores import ask_for_scores, claim_scores
from tests.scheduler.conftest import TestClock, catalog, clock, connect, connections, project, settings
from tests.scheduler.jobs import LEASE_SECONDS, claim_some, render_rows, settle_as, submit_job
from tests.servers import S3
from tests.waiting import eventually
from workers.scoring import score_leases, scoring
from workers.scoring.scoring import Scoring

__all__ = ["catalog", "clock", "connections", "project", "settings"]  # fixtures
RENDERS = 24


def scores(connections: Connections) -> list[Any]:
    with read(connections.engine) as connection:
        return list(connection.execute(select(*Score.__table__.c).order_by(Score.render_id)))


def ask(connections: Connections, project: str, renders: int) -> None:
    """Have so many renders that are done scored by 'sharpness'."""
    job = submit_job(connections, project, renders)
    while claimed := claim_some(connections):
        settle_as(connections, claimed, Outcome.DONE)
    ids = [row["id"] for row in render_rows(connections, job)]
    ask_for_scores(connections.engine, project, ids, ["sharpness"], connections.clock(), again=False)


def picture() -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.full((8, 8, 3), 90, np.uint8)).save(stream, "PNG")
    return stream.getvalue()


@contextmanager
def stuck_scorer(monkeypatch: pytest.MonkeyPatch, scorer: Scoring) -> Iterator[threading.Event]:
    """In the middle of an output until the event is set."""
    goes_on, stuck = threading.Event(), threading.Event()

    def wait(*_: object) -> float:
        stuck.set()
        goes_on.wait(60)
        return 1.0

    monkeypatch.setattr(scoring, "score_with", wait)
    thread = threading.Thread(target=scorer.one_pass)
    thread.start()
    try:
        assert stuck.wait(60)
        yield goes_on
    finally:
        goes_on.set()
        thread.join(60)


@pytest.fixture
def quick(connections: Connections, project: str, monkeypatch: pytest.MonkeyPatch) -> Connections:
    """With two scores to come; what is extended is extended at once."""
    ask(connections, project, 2)
    connections.settings = connections.settings.model_copy(update={"heartbeat_seconds": 0.02})
    monkeypatch.setattr(connections.storage, "get", lambda key: picture())
    return connections


def test_what_takes_longer_than_a_lease_stays_with_the_process_that_scores_it(
    quick: Connections, clock: TestClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with stuck_scorer(monkeypatch, Scoring(quick)) as goes_on:
        for _ in range(3):
            later = clock.forward(quick.settings.lease_seconds - 1)
            eventually(lambda later=later: all(row.lease_until > later + 1 for row in scores(quick)))
            assert claim_scores(quick.engine, clock(), lease_seconds=LEASE_SECONDS, most=2)[0] == []
        goes_on.set()
        eventually(lambda: all(row.status == "done" for row in scores(quick)))
    assert {row.tries for row in scores(quick)} == {1}


def test_a_scorer_that_does_not_come_back_gives_up_and_another_process_goes_on(
    quick: Connections, clock: TestClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    gave_up = threading.Event()
    with stuck_scorer(monkeypatch, Scoring(quick, on_stuck=gave_up.set)):
        clock.forward(score_leases.OUTPUT_SECONDS + 1)
        assert gave_up.wait(60)
        clock.forward(quick.settings.lease_seconds + 1)
        claimed, _ = claim_scores(quick.engine, clock(), lease_seconds=LEASE_SECONDS, most=2)
        assert [one.tries for one in claimed] == [2]


@pytest.fixture
def real(database_url: str, s3: S3, catalog: Catalog, tmp_path: Path) -> Iterator[Connections]:
    """A farm by the clock of this machine, on a real storage, and short leases."""
    given = {"data_dir": tmp_path, "database_url": database_url, "lease_seconds": 2.0, "heartbeat_seconds": 0.5}
    with connect(Settings.model_validate(given | vars(s3)), catalog, TestClock(system_clock())) as opened:
        opened.clock = system_clock
        opened.storage = Storage(opened.settings)
        sync_catalog(opened.engine, opened.catalog, opened.clock())
        yield opened


@contextmanager
def scorer_process(real: Connections, s3: S3) -> Iterator["subprocess.Popen[bytes]"]:
    url = real.settings.database_url
    assert url is not None
    variables = {
        **s3.environment,
        "FARM_DATA_DIR": str(real.settings.data_dir),
        "FARM_DATABASE_URL": url.get_secret_value(),
        "FARM_LEASE_SECONDS": "2",
        "FARM_HEARTBEAT_SECONDS": "0.5",
    }
    process = subprocess.Popen([sys.executable, "-m", "farm", "scorer"], env=os.environ | variables)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.long
def test_what_a_scorer_held_at_its_kill_9_is_scored_by_the_next_one_and_nothing_is_lost_or_blamed(
    real: Connections, s3: S3
) -> None:
    # Given a scorer in the middle of many outputs
    ask(real, create_project(real.engine, "tests"), RENDERS)
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (1024, 1024, 3), np.uint8))
    stream = io.BytesIO()
    noise.save(stream, "PNG", compress_level=1)
    with read(real.engine) as connection:
        keys = connection.scalars(select(Artifact.key)).all()
    for key in keys:
        real.storage.put(key, stream.getvalue(), content_type="image/png")
    with scorer_process(real, s3) as first:
        eventually(lambda: any(row.status == "done" for row in scores(real)))
        eventually(lambda: _held(real) or _all_done(real))
        # When it is killed, without a chance to say anything
        first.kill()
        first.wait()
    held = _held(real)
    assert held, "it was killed in the middle"

    # Then the next one scores what the first held, too
    with scorer_process(real, s3):
        eventually(lambda: _all_done(real))
    tries = {row.render_id: row.tries for row in scores(real)}
    assert {tries[render] for render in held} == {2}
    assert sorted(tries.values()) == [1] * (RENDERS - len(held)) + [2] * len(held)


def _held(real: Connections) -> list[str]:
    return [row.render_id for row in scores(real) if row.status == "pending" and row.lease_until]


def _all_done(real: Connections) -> bool:
    return all(row.status == "done" for row in scores(real))
