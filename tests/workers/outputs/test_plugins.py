"""Plugins of an installed package, from request validation to the stored files; the package is the example of
docs/plugins.md.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import select

from farm.accounts import create_project
from farm.catalog import Catalog
from farm.connections import Connections
from farm.database import read
from farm.errors import InvalidRequest, SettingsError
from farm.plugins import PluginKind, PluginMissing, plugin_names
from farm.settings import Settings
from farm.storage import StoredFile
from farm.tables import Artifact, Render
from scheduler.fleet.catalog_sync import sync_catalog
from scheduler.maintenance import pick_best_of
from tests.scheduler.conftest import TestClock, catalog, clock, connect
from tests.scheduler.jobs import POOL, claim_some, render_rows, sign_on, statuses, submit_job
from workers.agent.artifact_uploader import ArtifactUploader
from workers.agent.leased_renders import LeasedRenders
from workers.agent.retrying_storage import RetryingStorage
from workers.agent.settler import Settler
from workers.agent.spool_folder import DiskSpace
from workers.outputs.encode import Pixels
from workers.outputs.plugins import NotAllowed, OutputPlugins, PluginFailed, post_process, score
from workers.protocol import EngineFacts, Rendered, StepTrace

__all__ = ["catalog", "clock"]
FACTS = EngineFacts("sana-demo", "sana", "here", None, "fp32", "CPU: any", 1, {"torch": "2"}, {"a": "0" * 64})


def flat(level: tuple[int, int, int] = (90, 120, 140)) -> Pixels:
    return np.full((128, 128, 3), level, np.uint8)


@pytest.mark.usefixtures("installed")
def test_plugins_are_found_by_name_and_do_what_they_say() -> None:
    assert "edges" in plugin_names(PluginKind.SCORER)
    parameters = {"width": 128, "height": 128, "post_processors": ["frame"], "scorer": "edges"}
    framed = post_process(flat(), parameters)
    assert (framed[0] == 255).all()
    assert (framed[:, 0] == 255).all()
    assert (framed[64, 64] == (90, 120, 140)).all()
    plain, drawn = score(flat(), parameters), score(framed, parameters)
    assert plain == 0
    assert drawn is not None
    assert drawn > 0
    clip = np.stack([flat()] * 3)
    assert post_process(clip, parameters).shape == clip.shape


def test_a_plugin_that_is_not_installed_is_told_by_name() -> None:
    with pytest.raises(PluginMissing, match=r"no installed package brings the post-processor 'frame'.*latent_farm"):
        post_process(flat(), {"post_processors": ["frame"]})


@pytest.mark.usefixtures("installed")
def test_what_a_plugin_does_wrong_is_told_as_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def returns(value: Any) -> None:
        monkeypatch.setattr("workers.outputs.plugins.load_plugin", lambda kind, name: lambda pixels, parameters: value)

    returns(float("nan"))
    with pytest.raises(PluginFailed, match="'edges' gave nan, which is no finite number"):
        score(flat(), {"scorer": "edges"})
    returns(flat().astype(np.float32))
    with pytest.raises(PluginFailed, match="gave no uint8 array of 3 axes"):
        post_process(flat(), {"post_processors": ["frame"]})

    def writes(pixels: Pixels, parameters: Any) -> Pixels:
        pixels[:] = 0
        return pixels

    monkeypatch.setattr("workers.outputs.plugins.load_plugin", lambda kind, name: writes)
    with pytest.raises(PluginFailed, match="'frame' raised ValueError: assignment destination is read-only"):
        post_process(flat(), {"post_processors": ["frame"]})


class MemoryStorage:
    """Object storage in a dictionary."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def put(self, key: str, data: bytes, content_type: str) -> StoredFile:
        self.files[key] = data
        return StoredFile(key, content_type, len(data), hashlib.sha256(data).hexdigest())

    def delete(self, keys: list[str]) -> None:
        for key in keys:
            self.files.pop(key, None)

    def close(self) -> None:
        pass


@pytest.fixture
def connections(tmp_path: Path, migrated_sqlite: Path, catalog: Catalog, clock: TestClock) -> Iterator[Connections]:
    shutil.copy(migrated_sqlite, tmp_path / "farm.sqlite3")
    with connect(Settings(data_dir=tmp_path), catalog, clock) as opened:
        sync_catalog(opened.engine, opened.catalog, clock())
        opened.storage = MemoryStorage()  # type: ignore[assignment]
        yield opened


def finish(connections: Connections, spool: Path, pictures: dict[int, Pixels], **settings: Any) -> None:
    """A worker claims what is pending and gets these pixels from its engine, by the index of the render; urgent ones
    come last.
    """
    connections.settings = connections.settings.model_copy(update=settings)
    worker_id = sign_on(connections)
    claimed = claim_some(connections, worker_id=worker_id)
    held_renders = LeasedRenders()
    held_renders.take("batch", claimed)
    settler = Settler(connections, held_renders, worker_id=worker_id, pool=POOL)
    uploader = ArtifactUploader(
        connections,
        held_renders,
        settler,
        RetryingStorage(connections),
        DiskSpace(connections.steady),
        on_done=lambda count: None,
    )
    for render in sorted(claimed, key=lambda render: render.class_name == "urgent"):
        path, latents = spool / f"{render.id}.npy", spool / f"{render.id}.safetensors"
        np.save(path, pictures[render.index])
        latents.write_bytes(b"latents")
        kept = str(latents) if render.parameters["keep_latents"] else None
        trace = [StepTrace(1.0, 1.0, 1, 0, 1)]
        uploader.put(Rendered(render.id, render.attempt, str(path), 1.0, trace, 1, 0, latents_path=kept), FACTS)
    uploader.start()
    uploader.stop()
    assert not list(spool.glob("*.npy"))


def files_of(connections: Connections, job_id: str) -> dict[int, set[str]]:
    """By the index of its render, the kinds of its files."""
    statement = select(Render.index, Artifact.kind).join(Artifact, Artifact.render_id == Render.id)
    found: dict[int, set[str]] = {}
    with read(connections.engine) as connection:
        for index, kind in connection.execute(statement.where(Render.job_id == job_id)).all():
            found.setdefault(index, set()).add(kind)
    return found


@pytest.fixture
def ada(connections: Connections) -> str:
    return create_project(connections.engine, "ada", clock=connections.clock)


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    (tmp_path / "spool").mkdir()
    return tmp_path / "spool"


def test_a_black_output_is_a_failed_attempt_with_a_reason(connections: Connections, ada: str, spool: Path) -> None:
    job = submit_job(connections, ada, 2, keep_latents=True)
    finish(connections, spool, {0: flat(), 1: flat((0, 0, 0))})
    assert statuses(connections, job) == ["done", "pending"]
    assert files_of(connections, job) == {0: {"output", "thumbnail", "latents", "manifest"}}
    row = render_rows(connections, job)[1]
    assert row["failures"] == 1
    assert "the picture is black" in row["reason"]


@pytest.mark.usefixtures("installed")
def test_the_safety_checker_of_the_settings_ends_a_render_at_once(
    connections: Connections, ada: str, spool: Path
) -> None:
    job = submit_job(connections, ada, 2)
    finish(connections, spool, {0: flat(), 1: flat((250, 10, 10))}, safety_checker="no-red")
    assert statuses(connections, job) == ["done", "failed"]
    assert files_of(connections, job).keys() == {0}
    reason = "The output was not stored: the safety checker 'no-red' objects: it is mostly red."
    assert render_rows(connections, job)[1]["reason"] == reason


def test_a_safety_checker_that_is_not_there_stops_the_worker_at_its_start(connections: Connections) -> None:
    connections.settings = connections.settings.model_copy(update={"safety_checker": "no-red"})
    with pytest.raises(SettingsError, match="no installed package brings the safety checker 'no-red'"):
        ArtifactUploader(  # type: ignore[arg-type]
            connections,
            LeasedRenders(),
            SimpleNamespace(),
            RetryingStorage(connections),
            DiskSpace(connections.steady),
            on_done=lambda count: None,
        )


@pytest.mark.usefixtures("installed")
def test_a_draft_passes_the_safety_checker_and_no_other_plugin() -> None:
    plugins = OutputPlugins("no-red")
    parameters = {"width": 128, "height": 128, "post_processors": ["frame"], "scorer": "edges"}
    shown = plugins.show_draft(flat(), parameters)
    assert (shown.pixels == flat()).all()
    assert (shown.score, shown.versions) == (None, {})
    framed = plugins.show(flat(), parameters)
    assert (framed.pixels[0] == 255).all()
    assert framed.score is not None
    assert framed.score > 0
    assert set(framed.versions) == {"frame", "edges"}
    for show in (plugins.show, plugins.show_draft):
        with pytest.raises(NotAllowed, match="it is mostly red"):
            show(flat((250, 10, 10)), {})


@pytest.mark.usefixtures("installed")
def test_of_n_seeds_the_best_k_of_each_prompt_keep_their_output(
    connections: Connections, ada: str, spool: Path
) -> None:
    # Given two prompts with three seeds each, of which one is to be kept by its edges,
    job = submit_job(connections, ada, 3, prompt=["one", "two"], scorer="edges", keep_best=1)

    def striped(level: int) -> Pixels:
        pixels = flat()
        pixels[:, ::2] = level
        return pixels

    # when all are rendered, the second seed of the first prompt and the third of the other the sharpest,
    finish(connections, spool, {index: striped(level) for index, level in enumerate([90, 255, 99, 120, 100, 250])})
    assert statuses(connections, job) == ["done"] * 6
    assert pick_best_of.one_pass(connections, connections.clock()) == 4
    # then these keep their output, the others what they can be looked at and rendered again by;
    small = {"thumbnail", "manifest"}
    kept = {index: small | {"output"} if index in (1, 5) else small for index in range(6)}
    assert files_of(connections, job) == kept
    stored = connections.storage.files  # type: ignore[attr-defined]
    assert sum(key.endswith("output.png") for key in stored) == 2
    # each manifest has the score, and the package that gave it;
    manifests = [json.loads(data) for key, data in stored.items() if key.endswith("manifest.json")]
    assert len({manifest["score"] for manifest in manifests}) == 6
    assert {str(manifest["plugins"]) for manifest in manifests} == {"{'edges': 'latent-farm-example 1.0'}"}
    # and nothing is chosen twice.
    assert pick_best_of.one_pass(connections, connections.clock()) == 0


@pytest.mark.usefixtures("installed")
def test_nothing_is_chosen_before_a_job_has_ended_and_what_failed_does_not_compete(
    connections: Connections, ada: str, spool: Path
) -> None:
    job = submit_job(connections, ada, 3, scorer="edges", keep_best=1)
    pictures = {0: flat(), 1: flat((0, 0, 0)), 2: flat((80, 90, 100))}
    finish(connections, spool, pictures)
    assert pick_best_of.one_pass(connections, connections.clock()) == 0
    for _ in range(2):
        finish(connections, spool, pictures)
    assert statuses(connections, job) == ["done", "failed", "done"]
    # Of equal scores the first in the job is kept.
    assert pick_best_of.one_pass(connections, connections.clock()) == 1
    assert files_of(connections, job) == {0: {"output", "thumbnail", "manifest"}, 2: {"thumbnail", "manifest"}}


@pytest.mark.usefixtures("installed")
def test_a_scorer_alone_drops_nothing_and_a_post_processor_is_in_the_stored_file(
    connections: Connections, ada: str, spool: Path
) -> None:
    job = submit_job(connections, ada, 2, scorer="edges", post_processors=["frame"])
    finish(connections, spool, {0: flat(), 1: flat()})
    assert pick_best_of.one_pass(connections, connections.clock()) == 0
    assert all("output" in kinds for kinds in files_of(connections, job).values())
    stored = connections.storage.files  # type: ignore[attr-defined]
    spool.joinpath("x.png").write_bytes(next(data for key, data in stored.items() if key.endswith("output.png")))
    assert Image.open(spool / "x.png").getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("fields", "place", "words"),
    [
        ({"scorer": "edge"}, "/scorer", "did you mean 'edges'"),
        ({"keep_best": 1}, "/keep_best", "needs a scorer"),
        ({"scorer": "flicker"}, "/scorer", "flicker looks at clips, and this is a picture"),
        ({"scorer": "edges", "keep_best": 2}, "/keep_best", "less than the seeds of each prompt (2); seen 2"),
        ({"scorer": "edges", "keep_best": 1, "seeds": [1]}, "/keep_best", "give seeds or seed_count"),
        ({"post_processors": ["frame", "glow"]}, "/post_processors", "brings the post-processor 'glow'"),
        ({"post_processors": ["frame"] * 9}, "/post_processors", "at most 8"),
    ],
)
def test_request_validation_refuses_plugins_that_nobody_brings_and_choices_without_a_choice(
    connections: Connections, ada: str, fields: dict[str, Any], place: str, words: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        submit_job(connections, ada, 2, **fields)
    assert [(fault.field, words in fault.message) for fault in refused.value.faults] == [(place, True)]
