"""The newest checkpoint of a render counts, of the attempt that holds it only; when the render ends, it goes."""

import pytest
from sqlalchemy import select

from farm.connections import Connections
from farm.database import read
from farm.ids import new_id
from farm.lifecycle import Outcome
from farm.storage import Storage
from farm.storage_keys import ARTIFACTS, artifact_key, checkpoint_name
from farm.tables import Artifact
from scheduler.claims.claim_batch import ClaimedRender
from scheduler.control.cancel import cancel_job
from scheduler.leases.checkpoint_rows import Checkpoint, keep, newest
from scheduler.maintenance.old_files import remove_checkpoints, remove_orphans
from tests.scheduler.conftest import TestClock
from tests.scheduler.jobs import claim_some, settle_as, submit_job
from tests.servers import S3


@pytest.fixture
def farm(connections: Connections, own_bucket: S3) -> Connections:
    connections.storage = Storage(own_bucket)
    return connections


def store(farm: Connections, render: ClaimedRender, step: int) -> Checkpoint:
    key = artifact_key(render.project_id, render.job_id, render.id, render.attempt, checkpoint_name(step))
    return Checkpoint(render.id, render.attempt, farm.storage.put(key, f"step {step}".encode(), "x/y"))


def rows(farm: Connections) -> list[str]:
    with read(farm.engine) as connection:
        return list(connection.scalars(select(Artifact.key).where(Artifact.kind == "checkpoint")))


def test_only_the_newest_counts_and_its_worker_learns_which_file_it_replaces(farm: Connections, project: str) -> None:
    submit_job(farm, project, 1)
    worker_id = new_id()
    [render] = claim_some(farm, worker_id=worker_id)
    first, second = store(farm, render, 3), store(farm, render, 6)

    assert keep(farm.engine, [first], worker_id=worker_id, now=1.0).replaced == []
    assert keep(farm.engine, [second], worker_id=worker_id, now=2.0).replaced == [first.file.key]
    # Said twice, because the first answer got lost, it changes nothing and takes nothing away.
    assert keep(farm.engine, [second], worker_id=worker_id, now=2.0).replaced == []

    assert newest(farm.engine, [render.id, new_id()]) == {render.id: second.file}


def test_a_checkpoint_outlives_its_attempt_and_one_of_a_revoked_attempt_is_void(
    farm: Connections, project: str
) -> None:
    submit_job(farm, project, 1)
    worker_id = new_id()
    [render] = claim_some(farm, worker_id=worker_id)
    saved = store(farm, render, 3)
    keep(farm.engine, [saved], worker_id=worker_id, now=1.0)
    settle_as(farm, [render], Outcome.RETURNED)

    assert keep(farm.engine, [store(farm, render, 9)], worker_id=worker_id, now=2.0).accepted == []
    [again] = claim_some(farm, worker_id=worker_id)
    assert again.attempt > render.attempt
    assert keep(farm.engine, [store(farm, render, 9)], worker_id=worker_id, now=2.0).accepted == []
    assert newest(farm.engine, [again.id]) == {again.id: saved.file}
    assert remove_checkpoints.one_pass(farm, farm.clock()) == 0, "it is still needed"
    assert keep(farm.engine, [store(farm, again, 9)], worker_id=worker_id, now=2.0).replaced == [saved.file.key]


@pytest.mark.parametrize("end", ["done", "failed", "cancelled"])
def test_however_a_render_ends_its_checkpoint_goes_row_and_file(farm: Connections, project: str, end: str) -> None:
    job = submit_job(farm, project, 2)
    worker_id = new_id()
    render, other = claim_some(farm, worker_id=worker_id)
    saved = [store(farm, render, 3), store(farm, other, 4)]
    keep(farm.engine, saved, worker_id=worker_id, now=1.0)

    if end == "cancelled":
        cancel_job(farm, job)
        gone = [item.file.key for item in saved]
    else:
        settle_as(farm, [render], Outcome(end))
        gone = [saved[0].file.key]

    assert remove_checkpoints.one_pass(farm, farm.clock()) == len(gone)
    left = {item.file.key for item in saved} - set(gone)
    assert set(rows(farm)) == left
    assert {key for key in farm.storage.list(ARTIFACTS) if "checkpoint" in key} == left


def test_a_replaced_checkpoint_whose_removal_was_missed_is_swept_up(
    farm: Connections, project: str, clock: TestClock
) -> None:
    import time

    submit_job(farm, project, 1)
    worker_id = new_id()
    [render] = claim_some(farm, worker_id=worker_id)
    forgotten, kept = store(farm, render, 3), store(farm, render, 6)
    keep(farm.engine, [kept], worker_id=worker_id, now=1.0)
    clock.now = time.time() + 7 * 86_400

    assert remove_orphans.one_pass(farm, clock()) == 1
    assert set(farm.storage.list(ARTIFACTS)) == {kept.file.key}
    assert forgotten.file.key != kept.file.key
