"""Files that nobody can reach leave the bucket; every file that somebody can reach stays."""

import uuid
from dataclasses import replace

import pytest
from pydantic import SecretStr

from farm.connections import Connections
from farm.lifecycle import Outcome
from farm.settings import Settings
from farm.storage import Storage
from farm.storage_keys import ARTIFACTS, ArtifactKind, artifact_key, attempt_of
from scheduler.leases.settle import Output, Settlement, settle
from scheduler.maintenance.old_files import remove_orphans
from tests.scheduler.conftest import TestClock
from tests.scheduler.jobs import claim_some, submit_job
from tests.servers import S3

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
def farm(connections: Connections, own_bucket: S3, clock: TestClock) -> Connections:
    """Connections with a bucket of their own; the clock is a week ahead of the server's."""
    import time

    connections.storage = Storage(own_bucket)
    clock.now = time.time() + 7 * 86_400
    return connections


def store(farm: Connections, project: str, job: str, render: str, attempt: int, name: str = "output.png") -> Output:
    key = artifact_key(project, job, render, attempt, name)
    return Output(ArtifactKind.OUTPUT, farm.storage.put(key, b"bytes", "image/png"))


def keys(farm: Connections) -> set[str]:
    return set(farm.storage.list(ARTIFACTS))


def test_what_a_lost_attempt_left_behind_goes_and_what_counts_stays(
    farm: Connections, clock: TestClock, project: str
) -> None:
    job = submit_job(farm, project, 2)
    [first, second] = claim_some(farm)
    settled = store(farm, project, job, first.id, first.attempt)
    settle(farm.engine, [Settlement(first.id, first.attempt, Outcome.DONE, artifacts=[settled])], clock())
    running = store(farm, project, job, second.id, second.attempt)
    beside = store(farm, project, job, first.id, first.attempt, "thumbnail.webp")
    store(farm, project, job, first.id, first.attempt - 1)
    store(farm, project, job, first.id, first.attempt + 7)
    to_come = store(farm, project, job, second.id, second.attempt + 7)  # of a database that was restored
    store(farm, project, job, str(uuid.uuid4()), 1)
    farm.storage.put(f"{ARTIFACTS}{project}/something-else", b"not ours to judge", "text/plain")

    assert remove_orphans.one_pass(farm, clock()) == 3

    stay = {
        settled.file.key,
        running.file.key,
        to_come.file.key,
        beside.file.key,
        f"{ARTIFACTS}{project}/something-else",
    }
    assert keys(farm) == stay
    assert remove_orphans.one_pass(farm, clock()) == 0


def test_nothing_young_goes(farm: Connections, settings: Settings, clock: TestClock, project: str) -> None:
    store(farm, project, str(uuid.uuid4()), str(uuid.uuid4()), 1)
    clock.forward(-7 * 86_400 + settings.orphan_hours * 3600 + settings.lease_seconds + settings.link_seconds - 5)

    assert remove_orphans.one_pass(farm, clock()) == 0
    assert len(keys(farm)) == 1


def test_a_large_bucket_is_walked_page_by_page_also_by_a_new_supervisor(
    farm: Connections, clock: TestClock, project: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remove_orphans, "PAGE", 3)
    for _ in range(7):
        store(farm, project, str(uuid.uuid4()), str(uuid.uuid4()), 1)

    assert [remove_orphans.one_pass(farm, clock()) for _ in range(4)] == [3, 3, 1, 0]
    assert keys(farm) == set()


def test_an_upload_that_never_ended_is_broken_off(farm: Connections, clock: TestClock, project: str) -> None:
    key = artifact_key(project, str(uuid.uuid4()), str(uuid.uuid4()), 1, "output.mp4")
    farm.storage._s3.create_multipart_upload(Bucket=farm.storage._bucket, Key=key)
    [upload] = farm.storage.open_uploads(ARTIFACTS)
    assert (upload.key, attempt_of(upload.key)) == (key, attempt_of(key))

    assert remove_orphans.one_pass(farm, clock()) == 1

    assert list(farm.storage.open_uploads(ARTIFACTS)) == []
    farm.storage.abort(upload)  # once more does no harm


def test_storage_that_is_away_puts_the_sweep_off(farm: Connections, clock: TestClock, s3: S3) -> None:
    farm.storage = Storage(replace(s3, s3_secret_access_key=SecretStr("wrong")))

    assert remove_orphans.one_pass(farm, clock()) == 0
