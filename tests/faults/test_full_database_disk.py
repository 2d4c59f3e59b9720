"""PostgreSQL whose disk is full: what needs a page is refused whole, and waits or is sent again.

The farm's database lies in a tablespace on a small disk, PostgreSQL's log elsewhere. What happens when the log finds no
room is in `tests/end_to_end/test_full_database_disk.py`.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import event, func, select
from sqlalchemy.exc import OperationalError

from farm.connections import Connections
from farm.database import read
from farm.doctor import database as doctor_database
from farm.doctor.findings import Level
from farm.lifecycle import Outcome
from farm.params import JobRequest
from farm.schema.upgrade import upgrade
from farm.tables import Job
from scheduler.admission.submit import submit
from scheduler.claims.claim_batch import ClaimedRender
from tests.databases import UNPRIVILEGED, PostgresServer
from tests.faults.test_database_faults import done
from tests.scheduler.invariants import Snapshot, breaches
from tests.scheduler.jobs import POOL, attempt_rows, claim_some, settle_as, sign_on, statuses, submit_job
from tests.small_disks import filled, small_disk
from tests.waiting import eventually
from workers.agent.leased_renders import LeasedRenders
from workers.agent.settler import Settler

pytestmark = pytest.mark.long

NAME = "on_a_small_disk"
#: Far more than fits into what is left of pages that were begun.
MANY = 400
#: As many calls fill what is left of those pages, many times over.
MOST = 2_000


@pytest.fixture
def disk() -> Iterator[Path]:
    """Where the server, which does not run as root, may write."""
    home = Path(tempfile.mkdtemp(prefix="farm-disk-"))
    home.chmod(0o711)
    try:
        with small_disk(home / "disk", "size=64m") as disk:
            shutil.chown(disk, UNPRIVILEGED)
            yield disk
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def database_url(postgres_server: PostgresServer, disk: Path) -> Iterator[str]:
    space = disk / "tablespace"
    space.mkdir()
    shutil.chown(space, UNPRIVILEGED)
    postgres_server.execute(f"CREATE TABLESPACE {NAME} LOCATION '{space}'")
    try:
        postgres_server.execute(f"CREATE DATABASE {NAME} TABLESPACE {NAME}")
        upgrade(postgres_server.url(NAME))
        yield postgres_server.url(NAME)
    finally:
        postgres_server.execute(f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")
        postgres_server.execute(f"DROP TABLESPACE {NAME}")


def until_refused(act: Callable[[], object]) -> None:
    """Do it again and again until the disk has no room for it."""
    for _ in range(MOST):
        try:
            act()
        except OperationalError as error:
            if "No space left on device" not in str(error.orig):
                raise
            return
    raise AssertionError("the disk is not full")


def test_what_a_full_disk_of_the_database_refuses_leaves_nothing_of_it_and_is_done_once_when_there_is_room(
    connections: Connections, project: str, disk: Path
) -> None:
    # Given work that is accepted, and a worker that holds some of it
    accepted = [submit_job(connections, project, MANY)]
    worker_id, held = sign_on(connections), LeasedRenders()
    claimed = [render for _ in range(8) for render in claim_some(connections, worker_id=worker_id)]
    held.take("batch", claimed)
    settler = Settler(connections, held, worker_id=worker_id, pool=POOL)

    def submit_many() -> str:
        request = {"model": "sana-demo", "prompt": "a red circle", "seeds": list(range(MANY))}
        made = submit(
            connections,
            project_id=project,
            user_id=None,
            request=JobRequest.model_validate(request),
            idempotency_key="the same",
            body_sha256="0" * 64,
        )
        return made.job_id

    taken: list[list[ClaimedRender]] = []
    with ThreadPoolExecutor(1) as worker:
        with filled(disk):
            # When the disk is full, then nothing stays of a submission that is refused, and what is there can be read
            before = counted(connections)
            with pytest.raises(OperationalError, match="No space left on device"):
                submit_many()
            assert counted(connections) == before
            [told] = [found.what for found in doctor_database.check(connections.settings) if found.level is Level.FAIL]
            assert "No space left on device" in told
            # What was left of pages is filled,
            until_refused(lambda: accepted.append(submit_job(connections, project, 1)))
            until_refused(lambda: taken.append(claim_some(connections)))
            # and what a worker has rendered waits
            refusals: list[str] = []
            event.listen(connections.engine, "handle_error", lambda told: refusals.append(str(told.original_exception)))
            settled = worker.submit(settler.settle, [done(render) for render in claimed])
            eventually(lambda: refusals)
            assert not settled.done()
        # until there is room again
        assert settled.result() == {render.id for render in claimed}

    # Then what was refused is accepted once, and all is rendered once
    accepted.append(submit_many())
    assert submit_many() == accepted[-1]
    for renders in taken:
        settle_as(connections, renders, Outcome.DONE)
    while renders := claim_some(connections):
        settle_as(connections, renders, Outcome.DONE)
    for job in accepted:
        assert set(statuses(connections, job)) == {"done"}
    assert counted(connections) == len(accepted)
    outcomes = [row["outcome"] for job in accepted for row in attempt_rows(connections, job)]
    assert outcomes == ["done"] * (2 * MANY + len(accepted) - 2)
    assert breaches(Snapshot(connections.engine)) == []


def counted(connections: Connections) -> int:
    with read(connections.engine) as connection:
        return connection.scalar(select(func.count()).select_from(Job)) or 0
