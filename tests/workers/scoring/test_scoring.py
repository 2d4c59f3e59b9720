"""The process that scores: it reads stored outputs, says what it cannot score, and lets the best of n be chosen."""

import io
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import select

from farm.catalog import Catalog
from farm.connections import Connections
from farm.database import read
from farm.demo.scenes import Scene, draw_clip, draw_picture
from farm.errors import NotFound, StorageDown
from farm.settings import Settings
from farm.tables import Artifact, Score
from scheduler.fleet.catalog_sync import sync_catalog
from scheduler.gallery.scores import (
    MOST_TRIES,
    ScoreResult,
    ask_for_scores,
    claim_scores,
    write_scores,
)
from scheduler.maintenance import pick_best_of
from tests.scheduler.conftest import TestClock, catalog, clock, connect
from tests.scheduler.jobs import LEASE_SECONDS, render_rows, statuses, submit_job
from tests.workers.outputs.test_plugins import MemoryStorage, ada, files_of, finish, flat, spool
from tests.workers.tiny_clip import save_tiny_clip
from workers.outputs.embedded_metadata import EmbeddedMetadata
from workers.outputs.encode import Pixels, encode_output
from workers.scoring.scoring import Scoring
from workers.scoring.stored_output import Unreadable, read_pixels

__all__ = ["ada", "catalog", "clock", "spool"]  # fixtures


class ReadableStorage(MemoryStorage):
    """A storage that may be away."""

    away = False

    def get(self, key: str) -> bytes:
        if self.away:
            raise StorageDown("away")
        if key not in self.files:
            raise NotFound(key)
        return self.files[key]


@pytest.fixture
def connections(tmp_path: Path, migrated_sqlite: Path, catalog: Catalog, clock: TestClock) -> Iterator[Connections]:
    shutil.copy(migrated_sqlite, tmp_path / "farm.sqlite3")
    with connect(Settings(data_dir=tmp_path), catalog, clock) as opened:
        sync_catalog(opened.engine, opened.catalog, clock())
        opened.storage = ReadableStorage()  # type: ignore[assignment]
        yield opened


def circle(**scene: Any) -> Pixels:
    asked = {"shape": "circle", "colour": "red", "background": "blue", "place": "top", "size": "large"} | scene
    return np.asarray(draw_picture(Scene(**asked)))


def scores(connections: Connections) -> list[Any]:
    with read(connections.engine) as connection:
        return list(connection.execute(select(*Score.__table__.c).order_by(Score.render_id, Score.scorer)))


def ask(connections: Connections, project: str, job: str, *scorers: str) -> None:
    ids = [row["id"] for row in render_rows(connections, job)]
    ask_for_scores(connections.engine, project, ids, scorers, connections.clock(), again=False)


def test_each_output_is_scored_or_it_is_said_why_not(connections: Connections, ada: str, spool: Path) -> None:
    job = submit_job(connections, ada, 2, prompt=["a red circle", "a cat"], seeds=[1])
    finish(connections, spool, {0: circle(), 1: flat()})
    ask(connections, ada, job, "prompt", "sharpness", "flicker", "beauty")
    scoring = Scoring(connections)
    while scoring.one_pass():
        pass
    found = {(row.render_id, row.scorer): row for row in scores(connections)}
    first, second = (row["id"] for row in render_rows(connections, job))
    assert found[first, "prompt"].value == 1
    assert found[first, "prompt"].made_by.startswith("latent-farm ")
    assert "asks for nothing that the demo models draw" in found[second, "prompt"].reason
    assert found[second, "sharpness"].value == 0
    assert "it is a picture" in found[first, "flicker"].reason
    assert "no installed package brings the scorer 'beauty'" in found[first, "beauty"].reason
    assert {row.status for row in found.values()} == {"done", "failed"}


def test_while_the_storage_is_away_scores_wait_and_what_is_gone_has_none(
    connections: Connections, ada: str, spool: Path
) -> None:
    job = submit_job(connections, ada, 1)
    finish(connections, spool, {0: circle()})
    ask(connections, ada, job, "sharpness")
    storage: Any = connections.storage
    storage.away = True
    with pytest.raises(StorageDown):
        Scoring(connections).one_pass()
    assert [(row.status, row.tries, row.lease_until) for row in scores(connections)] == [("pending", 0, None)]
    storage.away = False
    storage.files.clear()
    assert Scoring(connections).one_pass() == 1
    assert [row.reason for row in scores(connections)] == ["its output is not kept any more"]


def test_the_process_ends_when_it_is_told_to(connections: Connections) -> None:
    stop = threading.Event()
    stop.set()
    Scoring(connections).run(stop)


def test_who_ended_three_processes_is_not_tried_a_fourth_time(
    connections: Connections, ada: str, spool: Path, clock: TestClock
) -> None:
    job = submit_job(connections, ada, 1)
    finish(connections, spool, {0: circle()})
    ask(connections, ada, job, "sharpness")
    for _ in range(MOST_TRIES):
        assert claim_scores(connections.engine, clock(), lease_seconds=LEASE_SECONDS, most=1)[0]
        clock.forward(LEASE_SECONDS + 1)
    Scoring(connections).one_pass()
    assert [row.status for row in scores(connections)] == ["failed"]


def test_the_best_of_n_by_a_scorer_with_weights_is_chosen_once_all_are_scored(
    connections: Connections, ada: str, spool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FARM_SCORER_WEIGHTS", f"clip={save_tiny_clip(tmp_path / 'clip')}")
    # Given three seeds of which one is to be kept by the CLIP score, which no worker's parent computes,
    job = submit_job(connections, ada, 3, scorer="clip", keep_best=1)
    finish(connections, spool, {0: circle(), 1: circle(colour="green"), 2: circle(background="white")})
    assert statuses(connections, job) == ["done"] * 3
    assert [(row.scorer, row.status) for row in scores(connections)] == [("clip", "pending")] * 3
    # when two of three have their figure nothing is chosen,
    [one], _ = claim_scores(connections.engine, connections.clock(), lease_seconds=LEASE_SECONDS, most=1)
    write_scores(connections.engine, [(one, ScoreResult(-5.0))], connections.clock())
    assert pick_best_of.one_pass(connections, connections.clock()) == 0
    # and when all have one, the one with the best keeps its output.
    assert Scoring(connections).one_pass() == 2
    assert pick_best_of.one_pass(connections, connections.clock()) == 2
    best = max(scores(connections), key=lambda row: row.value)
    [kept] = [index for index, kinds in files_of(connections, job).items() if "output" in kinds]
    assert render_rows(connections, job)[kept]["id"] == best.render_id
    with read(connections.engine) as connection:
        said = connection.scalars(select(Artifact.score).where(Artifact.score.is_not(None))).all()
    assert sorted(said) == sorted(row.value for row in scores(connections))
    assert "weights " in best.made_by


def test_a_render_that_its_scorer_has_nothing_to_say_of_is_done_and_does_not_compete(
    connections: Connections, ada: str, spool: Path
) -> None:
    job = submit_job(connections, ada, 2, prompt="a cat", scorer="prompt", keep_best=1)
    finish(connections, spool, {0: circle(), 1: circle()})
    assert statuses(connections, job) == ["done"] * 2
    assert pick_best_of.one_pass(connections, connections.clock()) == 0
    assert all("output" in kinds for kinds in files_of(connections, job).values())


@pytest.mark.parametrize("form", ["mp4", "webp", "gif", "png", "jpeg"])
def test_stored_files_are_read_as_pixels_again(form: str) -> None:
    frames = np.stack([np.asarray(frame) for frame in draw_clip(Scene("circle", "red", "blue", motion="left"))])
    clip = form in ("mp4", "webp", "gif")
    shown = frames if clip else frames[0]
    asked = {"fps": 8, "output_format": form, "output_quality": 90}
    file = encode_output(shown, asked, EmbeddedMetadata("a red circle", {}, None))
    again = read_pixels(file.data, f"some/output.{form}", clip=clip)
    assert again.shape == shown.shape
    assert np.abs(again.astype(int) - shown).mean() < 12


def test_a_file_that_is_none_is_told_as_such() -> None:
    for name, data in (("output.png", b"nothing"), ("output.mp4", b"nothing")):
        with pytest.raises(Unreadable, match="cannot be read"):
            read_pixels(data, name, clip=name.endswith("mp4"))
    stream = io.BytesIO()
    Image.new("L", (4, 4), 9).save(stream, "PNG")
    assert read_pixels(stream.getvalue(), "output.png", clip=False).shape == (4, 4, 3)
