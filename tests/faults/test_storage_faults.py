"""A storage that is away, silent, slow or loses its answers, behind a proxy; a worker's own finishing before it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from pydantic import SecretStr
from sqlalchemy import select

from farm.clock import steady_clock
from farm.connections import Connections
from farm.database import read
from farm.storage import Storage
from farm.storage_keys import ARTIFACTS
from farm.tables import Artifact
from tests.faults.tcp_proxy import Mood, TcpProxy, tcp_proxy
from tests.own_storage import KEY_ID, SECRET, rclone_s3
from tests.scheduler.invariants import Snapshot, breaches
from tests.scheduler.jobs import POOL, attempt_rows, claim_some, render_rows, sign_on, statuses, submit_job
from tests.servers import S3, bucket_of_its_own
from tests.small_disks import filled, small_disk
from tests.waiting import eventually
from tests.workers.outputs.test_plugins import FACTS
from workers.agent.artifact_uploader import ArtifactUploader
from workers.agent.leased_renders import LeasedRenders
from workers.agent.retrying_storage import RetryingStorage
from workers.agent.settler import Settler
from workers.agent.spool_folder import DiskSpace
from workers.protocol import Rendered, StepTrace

pytestmark = [pytest.mark.long, pytest.mark.parametrize("database", ["sqlite"], indirect=True)]


@dataclass
class StoringWorker:
    """The part of a worker that stores what its engine has rendered."""

    connections: Connections
    spool: Path
    bucket: Storage  # without the proxy
    proxy: TcpProxy

    def __post_init__(self) -> None:
        self.spool.mkdir()
        self.id, self.held_renders = sign_on(self.connections), LeasedRenders()
        settler = Settler(self.connections, self.held_renders, worker_id=self.id, pool=POOL)
        self.storing = RetryingStorage(self.connections)
        self.uploader = ArtifactUploader(
            self.connections,
            self.held_renders,
            settler,
            self.storing,
            DiskSpace(self.connections.steady),
            on_done=lambda count: None,
        )
        self.uploader.start()

    def render(self) -> None:
        """Claim what waits; its pixels lie on the disk."""
        claimed = claim_some(self.connections, worker_id=self.id)
        self.held_renders.take("batch", claimed)
        for render in claimed:
            path = self.spool / f"{render.id}.npy"
            np.save(path, np.full((128, 128, 3), 90, np.uint8))
            trace = [StepTrace(1.0, 1.0, 1, 0, 1)]
            self.uploader.put(Rendered(render.id, render.attempt, str(path), 1.0, trace, 1, 0), FACTS)

    @property
    def on_disk(self) -> int:
        return len(list(self.spool.glob("*.npy")))

    def assert_all_done_once(self, job: str) -> None:
        """Each render by its first attempt; what rows name lies in the bucket, and nothing else does."""
        assert set(statuses(self.connections, job)) == {"done"}
        assert {row["number"] for row in attempt_rows(self.connections, job)} == {1}
        assert breaches(Snapshot(self.connections.engine)) == []
        with read(self.connections.engine) as connection:
            named = set(connection.scalars(select(Artifact.key)))
        assert set(self.bucket.list(ARTIFACTS)) == named
        assert self.on_disk == 0


@contextmanager
def storing_worker(
    connections: Connections, s3: S3, folder: Path, store_wait_seconds: float
) -> Iterator[StoringWorker]:
    address = urlsplit(s3.s3_endpoint_url)
    assert address.hostname
    assert address.port
    with tcp_proxy((address.hostname, address.port)) as proxy, bucket_of_its_own(s3) as own:
        bucket = Storage(own)
        behind = Storage(replace(own, s3_endpoint_url=f"http://127.0.0.1:{proxy.port}"))
        settings = connections.settings.model_copy(update={"store_wait_seconds": store_wait_seconds})
        worker = StoringWorker(
            replace(connections, settings=settings, storage=behind, steady=steady_clock),
            folder / "spool",
            bucket,
            proxy,
        )
        try:
            yield worker
        finally:
            proxy.be(Mood.THROUGH)
            worker.uploader.stop()
            behind.close()
            bucket.close()


def test_outputs_wait_on_disk_while_the_storage_is_away_and_go_up_later(
    connections: Connections, project: str, s3: S3, tmp_path: Path
) -> None:
    job = submit_job(connections, project, 3)
    with storing_worker(connections, s3, tmp_path, 1800) as worker:
        worker.proxy.be(Mood.CUT)
        worker.render()
        eventually(lambda: worker.storing.trouble)
        seen = worker.proxy.connections
        eventually(lambda: worker.proxy.connections > seen + 8)  # it has given up none of its tries
        assert (worker.on_disk, set(statuses(connections, job))) == (3, {"running"})

        worker.proxy.be(Mood.THROUGH)
        eventually(lambda: set(statuses(connections, job)) == {"done"})
        assert worker.storing.trouble is None
        eventually(lambda: not worker.on_disk)
        worker.assert_all_done_once(job)


def test_after_the_wait_renders_go_back_unblamed(
    connections: Connections, project: str, s3: S3, tmp_path: Path
) -> None:
    job = submit_job(connections, project, 3)
    with storing_worker(connections, s3, tmp_path, 0.01) as worker:
        worker.proxy.be(Mood.CUT)
        worker.render()
        eventually(lambda: set(statuses(connections, job)) == {"pending"})
        rows = render_rows(connections, job)
        assert {row["failures"] for row in rows} == {0}
        assert all(row["reason"].startswith("The output could not be stored: ") for row in rows)
        assert worker.storing.trouble is not None  # so it claims nothing more
        eventually(lambda: not worker.on_disk)
        assert breaches(Snapshot(connections.engine)) == []

        worker.proxy.be(Mood.THROUGH)
        eventually(lambda: worker.storing.trouble is None)  # it looks by itself
        worker.render()
        eventually(lambda: set(statuses(connections, job)) == {"done"})


def test_a_storage_that_falls_silent_and_is_cut_gets_the_upload_again(
    connections: Connections, project: str, s3: S3, tmp_path: Path
) -> None:
    job = submit_job(connections, project, 2)
    with storing_worker(connections, s3, tmp_path, 1800) as worker:
        worker.proxy.be(Mood.SILENT)
        worker.render()
        eventually(lambda: worker.proxy.connections)
        worker.proxy.be(Mood.CUT)
        worker.proxy.be(Mood.THROUGH)
        eventually(lambda: set(statuses(connections, job)) == {"done"})
        eventually(lambda: not worker.on_disk)
        worker.assert_all_done_once(job)


def test_a_slow_storage_gets_everything_once(connections: Connections, project: str, s3: S3, tmp_path: Path) -> None:
    job = submit_job(connections, project, 2)
    with storing_worker(connections, s3, tmp_path, 1800) as worker:
        worker.proxy.be(Mood.SLOW)
        worker.render()
        eventually(lambda: set(statuses(connections, job)) == {"done"})
        eventually(lambda: not worker.on_disk)
        worker.assert_all_done_once(job)


def test_outputs_wait_while_the_storages_disk_is_full_and_go_up_when_there_is_room(
    connections: Connections, project: str, tmp_path: Path
) -> None:
    job = submit_job(connections, project, 2)
    with (
        small_disk(tmp_path / "disk", "size=16m") as disk,
        rclone_s3(disk / "s3", "127.0.0.1", tmp_path / "s3.log") as address,
        storing_worker(connections, rclone(address), tmp_path, 1800) as worker,
    ):
        with filled(disk):
            worker.render()
            eventually(lambda: worker.storing.trouble)
            assert (worker.on_disk, set(statuses(connections, job))) == (2, {"running"})
        eventually(lambda: set(statuses(connections, job)) == {"done"})
        assert worker.storing.trouble is None
        eventually(lambda: not worker.on_disk)
        worker.assert_all_done_once(job)


def rclone(address: str) -> S3:
    return S3(address, SecretStr(KEY_ID), SecretStr(SECRET), s3_checksums="when_required")


def test_an_answer_of_the_storage_that_is_lost_stores_nothing_twice(
    connections: Connections, project: str, s3: S3, tmp_path: Path
) -> None:
    with storing_worker(connections, s3, tmp_path, 1800) as worker:
        for answers in range(4):
            job = submit_job(connections, project, 1)
            worker.proxy.swallow_after(answers)
            worker.render()
            eventually(lambda job=job: set(statuses(connections, job)) == {"done"})  # type: ignore[misc]
            eventually(lambda: not worker.on_disk)
            worker.proxy.stop_swallowing()
            assert [row["number"] for row in attempt_rows(connections, job)] == [1]
        worker.assert_all_done_once(job)
        assert worker.proxy.cuts >= 1
