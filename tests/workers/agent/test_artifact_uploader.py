"""What becomes of an attempt whose pixels are there: stored as a draft, or ended by what went wrong on the way."""

import errno
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import stamina
from PIL import Image
from sqlalchemy.exc import OperationalError

from farm.connections import Connections
from farm.errors import StorageDown
from farm.storage import StoredFile
from scheduler.leases.settle import Settlement
from tests.scheduler.conftest import catalog, clock
from tests.scheduler.jobs import POOL, claim_some, render_rows, sign_on, statuses, submit_job
from tests.workers.outputs.test_plugins import FACTS, ada, connections, files_of, finish, flat, spool
from workers.agent.artifact_uploader import ArtifactUploader
from workers.agent.leased_renders import LeasedRenders
from workers.agent.retrying_storage import RetryingStorage
from workers.agent.settler import Settler
from workers.agent.spool_folder import DISK_FULL, DiskSpace
from workers.outputs.encode import Pixels
from workers.outputs.plugins import PluginFailed
from workers.protocol import Drafted, StepTrace

__all__ = ["ada", "catalog", "clock", "connections", "spool"]


def draft(connections: Connections, spool: Path, pixels: Pixels, **settings: Any) -> None:
    """A worker claims what is pending, one render, and gets its draft from its engine."""
    connections.settings = connections.settings.model_copy(update=settings)
    worker_id = sign_on(connections)
    [render] = claim_some(connections, worker_id=worker_id)
    held_renders = LeasedRenders()
    held_renders.take("batch", [render])
    settler = Settler(connections, held_renders, worker_id=worker_id, pool=POOL)
    uploader = ArtifactUploader(
        connections,
        held_renders,
        settler,
        RetryingStorage(connections),
        DiskSpace(connections.steady),
        on_done=lambda count: None,
    )
    path, checkpoint = spool / f"{render.id}.npy", spool / f"{render.id}.safetensors"
    np.save(path, pixels)
    checkpoint.write_bytes(b"latents")
    trace = [StepTrace(1.0, 1.0, 1, 0, 1)]
    uploader.put(Drafted(render.id, render.attempt, str(path), str(checkpoint), 1, 4, 1.0, trace, 1, 0), FACTS)
    uploader.start()
    uploader.stop()
    assert not list(spool.iterdir())


@pytest.mark.usefixtures("installed")
def test_a_draft_is_stored_as_the_engine_made_it_unless_it_may_not_be(
    connections: Connections, ada: str, spool: Path
) -> None:
    job = submit_job(connections, ada, 1, post_processors=["frame"])
    draft(connections, spool, flat(), safety_checker="no-red")
    assert statuses(connections, job) == ["drafted"]
    assert files_of(connections, job) == {0: {"draft", "thumbnail", "checkpoint"}}
    stored = connections.storage.files  # type: ignore[attr-defined]
    spool.joinpath("x.png").write_bytes(next(data for key, data in stored.items() if key.endswith("draft.png")))
    assert Image.open(spool / "x.png").getpixel((0, 0)) == (90, 120, 140)

    spool.joinpath("x.png").unlink()
    refused = submit_job(connections, ada, 1)
    draft(connections, spool, flat((250, 10, 10)), safety_checker="no-red")
    assert statuses(connections, refused) == ["failed"]


@pytest.mark.parametrize(
    ("error", "failures", "reason"),
    [
        (StorageDown("It does not answer."), 0, "The output could not be stored: It does not answer."),
        (PluginFailed("it raised"), 1, "The output could not be finished: it raised."),
        (OSError("no such file"), 1, "The output could not be encoded: no such file"),
        (OSError(errno.ENOSPC, "No space left on device"), 0, DISK_FULL),
        (OperationalError("SELECT", {}, Exception("gone")), 0, "The database was away while the output was finished."),
    ],
)
def test_what_went_wrong_on_the_way_to_the_storage_says_how_an_attempt_ends(
    connections: Connections, ada: str, spool: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, failures: int,
    reason: str,
) -> None:  # fmt: skip
    def fails(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr("workers.agent.artifact_uploader.make_files", fails)
    job = submit_job(connections, ada, 1)
    finish(connections, spool, {0: flat()})
    assert statuses(connections, job) == ["pending"]
    row = render_rows(connections, job)[0]
    assert (row["reason"], row["failures"]) == (reason, failures)


class Together:
    """A storage that takes no file before three are on their way at once; `refuses`: the end of a key."""

    def __init__(self, refuses: str = "nothing") -> None:
        self.kept: set[str] = set()
        self._refuses = refuses
        self._all_here = threading.Barrier(3)

    def put(self, key: str, data: bytes, content_type: str) -> StoredFile:
        self._all_here.wait(timeout=30)
        if key.endswith(self._refuses):
            raise StorageDown("It refuses.")
        self.kept.add(key.rpartition("/")[2])
        return StoredFile(key, content_type, len(data), "0" * 64)

    def close(self) -> None:
        pass


@pytest.mark.parametrize(
    ("refuses", "status"), [("nothing", "done"), ("manifest.json", "pending"), ("thumbnail.webp", "pending")]
)
def test_files_are_stored_side_by_side_and_a_render_is_done_only_when_all_of_them_are(
    connections: Connections, ada: str, spool: Path, refuses: str, status: str
) -> None:
    job, storage = submit_job(connections, ada, 1), Together(refuses)
    connections.storage = storage  # type: ignore[assignment]
    with stamina.set_testing(True, attempts=1):
        finish(connections, spool, {0: flat()})
    assert statuses(connections, job) == [status]
    assert storage.kept == {"output.png", "thumbnail.webp", "manifest.json"} - {refuses}


def test_what_is_urgent_is_stored_and_settled_before_others_that_were_ready_sooner(
    connections: Connections, ada: str, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given three of bulk, and behind them an urgent one
    bulk = submit_job(connections, ada, 3, seeds=[1, 2, 3], **{"class": "bulk"})
    urgent = submit_job(connections, ada, 1, **{"class": "urgent"})
    settled: list[list[str]] = []
    settle = Settler.settle

    def noted(settler: Settler, settlements: Sequence[Settlement]) -> set[str]:
        settled.append([item.render_id for item in settlements])
        return settle(settler, settlements)

    monkeypatch.setattr(Settler, "settle", noted)
    # When their pixels are there
    finish(connections, spool, dict.fromkeys(range(3), flat()))
    # Then it is done before any of them is begun
    assert statuses(connections, bulk) + statuses(connections, urgent) == ["done"] * 4
    [first] = [row["id"] for row in render_rows(connections, urgent)]
    assert settled[0] == [first]
    assert len(settled[1]) == 3
