"""What a worker feeds its engine: batches, joins, the next batch in time; with a scripted engine and real SQL."""

import errno
from collections.abc import Iterator, Sequence

import pytest
from sqlalchemy import insert, select, update

from farm.accounts import create_project
from farm.catalog import Catalog
from farm.connections import Connections
from farm.database import read, write
from farm.errors import StorageDown
from farm.settings import Settings
from farm.tables import Attempt, BatchCurve, Job, Render
from scheduler.batching.batch_curves import Shape
from scheduler.claims.claim_batch import ClaimedRender
from scheduler.fleet.catalog_sync import sync_catalog
from tests.scheduler.conftest import TestClock, catalog, clock, connect
from tests.scheduler.jobs import LANE, POOL, render_rows, sign_on, submit_job
from tests.waiting import eventually
from tests.workers.scripted import ScriptedWorker
from workers.agent.render_orders import Ordering
from workers.agent.spool_folder import DISK_FULL, PAUSE_SECONDS
from workers.protocol import RenderOrder

__all__ = ["catalog", "clock"]
pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
def connections(settings: Settings, catalog: Catalog, clock: TestClock) -> Iterator[Connections]:
    with connect(settings, catalog, clock) as opened:
        sync_catalog(opened.engine, opened.catalog, clock())
        yield opened


@pytest.fixture
def settings(database_url: str, tmp_path: object) -> Settings:
    """Without Redis, so that the poll of SQL is what hears; it is quick here."""
    return Settings(data_dir=tmp_path, database_url=database_url, idle_poll_seconds=0.05, drain_seconds=0)


@pytest.fixture
def worker(connections: Connections) -> ScriptedWorker:
    return ScriptedWorker(connections, POOL, sign_on(connections))


@pytest.fixture
def ada(connections: Connections) -> str:
    return create_project(connections.engine, "ada", clock=connections.clock)


@pytest.fixture
def bob(connections: Connections) -> str:
    return create_project(connections.engine, "bob", clock=connections.clock)


def renders_of(connections: Connections, job_id: str) -> list[str]:
    with read(connections.engine) as connection:
        return list(connection.scalars(select(Render.id).where(Render.job_id == job_id).order_by(Render.index)))


def batches_of(connections: Connections) -> dict[str, str]:
    """Render id → batch id of its last attempt."""
    with read(connections.engine) as connection:
        return dict(connection.execute(select(Attempt.render_id, Attempt.batch_id).order_by(Attempt.number)).all())


def test_one_picture_joins_the_running_batch_of_a_job_of_another_project(
    worker: ScriptedWorker, connections: Connections, ada: str, bob: str
) -> None:
    # Given a worker in the middle of a batch that has a slot left, of a bulk job of another project,
    bulk = submit_job(connections, ada, 3, **{"class": "bulk"})
    with worker.working():
        eventually(lambda: worker.engine.sent)
        worker.engine.step(2, 20)
        # when one picture of the same shape comes,
        picture = submit_job(connections, bob, 1)
        # then it joins: the engine gets it while the others step, under the same batch.
        eventually(lambda: len(worker.engine.sent) == 2)
        assert worker.engine.ids(0) == renders_of(connections, bulk)
        assert worker.engine.ids(1) == renders_of(connections, picture)
        assert worker.engine.sent[0].batch_id == worker.engine.sent[1].batch_id
        assert len(set(batches_of(connections).values())) == 1


def test_a_full_batch_is_not_joined_and_the_picture_is_in_the_next(
    worker: ScriptedWorker, connections: Connections, ada: str, bob: str
) -> None:
    submit_job(connections, ada, 40, **{"class": "bulk"})
    most = connections.catalog.pool(POOL).max_batch
    with worker.working():
        eventually(lambda: worker.engine.sent)
        assert len(worker.engine.ids(0)) == most
        picture = submit_job(connections, bob, 1)
        worker.engine.step(5, 20)
        worker.engine.end()
        eventually(lambda: len(worker.engine.sent) == 2)
        assert worker.engine.ids(1)[0] == renders_of(connections, picture)[0]


def test_slots_of_renders_that_are_done_are_filled_while_the_others_step(
    worker: ScriptedWorker, connections: Connections, ada: str
) -> None:
    most = connections.catalog.pool(POOL).max_batch
    submit_job(connections, ada, most + 1)
    with worker.working():
        eventually(lambda: worker.engine.sent)
        worker.engine.step(2, 20)
        worker.engine.end(worker.engine.ids(0)[:1])
        eventually(lambda: len(worker.engine.sent) == 2)
        assert len(worker.engine.ids(1)) == 1
        assert worker.engine.sent[1].batch_id == worker.engine.sent[0].batch_id


def test_the_next_batch_is_claimed_before_the_running_one_ends(
    worker: ScriptedWorker, connections: Connections, ada: str
) -> None:
    most = connections.catalog.pool(POOL).max_batch
    submit_job(connections, ada, 3 * most)
    with worker.working():
        eventually(lambda: worker.engine.sent)
        assert worker.count("running") == most
        worker.engine.step(19, 20)
        eventually(lambda: worker.count("running") == 2 * most)
        assert len(worker.engine.sent) == 1
        worker.engine.end()
        eventually(lambda: len(worker.engine.sent) == 2)
    assert worker.count("running") == 2 * most, "what was begun ends with its own word"


def test_what_was_claimed_ahead_goes_back_unblamed_when_something_more_urgent_comes(
    worker: ScriptedWorker, connections: Connections, ada: str, bob: str
) -> None:
    most = connections.catalog.pool(POOL).max_batch
    submit_job(connections, ada, 2 * most, **{"class": "bulk"})
    with worker.working():
        eventually(lambda: worker.engine.sent)
        worker.engine.step(19, 20)
        eventually(lambda: worker.count("pending") == 0)
        # Given a batch claimed ahead, when an urgent picture of another shape comes,
        urgent = submit_job(connections, bob, 1, width=128, height=64, **{"class": "urgent"})
        eventually(lambda: worker.feeder._parking._left_to_join == "urgent")
        # then the picture is rendered next, and the batch goes back.
        worker.engine.end()
        eventually(lambda: len(worker.engine.sent) == 2)
        assert worker.engine.ids(1) == renders_of(connections, urgent)
        eventually(lambda: worker.count("pending") == most)
    with read(connections.engine) as connection:
        back = connection.execute(select(Attempt.outcome).where(Attempt.outcome.is_not(None))).scalars().all()
        blamed = connection.execute(select(Render.failures).where(Render.failures > 0)).all()
    assert set(back) == {"returned"}
    assert blamed == []


def test_renders_whose_pictures_cannot_be_fetched_now_go_back_unblamed_and_are_rendered_later(
    worker: ScriptedWorker, connections: Connections, ada: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ordering, away = worker.feeder._handover.ordering, [StorageDown("the store does not answer")]

    def orders(renders: Sequence[ClaimedRender]) -> list[RenderOrder]:
        if away:
            raise away.pop()
        return Ordering.orders(ordering, renders)

    monkeypatch.setattr(ordering, "orders", orders)
    submit_job(connections, ada, 2)
    with worker.working():
        eventually(lambda: worker.engine.sent)
    with read(connections.engine) as connection:
        [first, *_] = connection.scalars(select(Attempt.reason).where(Attempt.outcome == "returned"))
        blamed = connection.execute(select(Render.failures).where(Render.failures > 0)).all()
    assert "the store does not answer" in str(first)
    assert blamed == []


def test_renders_for_whose_pictures_there_is_no_room_go_back_unblamed_and_nothing_is_claimed_for_a_while(
    worker: ScriptedWorker, connections: Connections, ada: str, clock: TestClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ordering, full = worker.feeder._handover.ordering, [OSError(errno.ENOSPC, "No space left on device")]

    def orders(renders: Sequence[ClaimedRender]) -> list[RenderOrder]:
        if full:
            raise full.pop()
        return Ordering.orders(ordering, renders)

    monkeypatch.setattr(ordering, "orders", orders)
    job = submit_job(connections, ada, 2)
    worker.feeder.work_until_empty()
    assert {(row["status"], row["failures"], row["reason"]) for row in render_rows(connections, job)} == {
        ("pending", 0, DISK_FULL)
    }
    assert worker.feeder.work_until_empty() == 0

    clock.forward(PAUSE_SECONDS + 1)
    with worker.working():
        eventually(lambda: worker.engine.sent)


def test_what_was_claimed_ahead_goes_back_when_the_worker_drains(
    worker: ScriptedWorker, connections: Connections, ada: str
) -> None:
    most = connections.catalog.pool(POOL).max_batch
    submit_job(connections, ada, 2 * most)
    with worker.working():
        eventually(lambda: worker.engine.sent)
        worker.engine.step(19, 20)
        eventually(lambda: worker.count("running") == 2 * most)
        worker.feeder.drain()
        eventually(lambda: worker.count("pending") == most)


def test_what_was_claimed_ahead_and_cancelled_is_not_rendered(
    worker: ScriptedWorker, connections: Connections, ada: str
) -> None:
    most = connections.catalog.pool(POOL).max_batch
    job = submit_job(connections, ada, most + 2)
    with worker.working():
        eventually(lambda: worker.engine.sent)
        worker.engine.step(19, 20)
        eventually(lambda: len(worker.held_renders) == most + 2)  # SQL knows of a claim a moment before the worker does
        gone, kept = renders_of(connections, job)[most:]
        worker.held_renders.let_go([gone])
        worker.engine.end()
        eventually(lambda: len(worker.engine.sent) == 2)
        assert worker.engine.ids(1) == [kept]


def test_a_deterministic_render_is_alone_and_nobody_joins_it(
    worker: ScriptedWorker, connections: Connections, ada: str, bob: str
) -> None:
    submit_job(connections, ada, 1, deterministic=True)
    with worker.working():
        eventually(lambda: worker.engine.sent)
        worker.engine.step(2, 20)
        submit_job(connections, bob, 1)
        worker.engine.step(19, 20)
        eventually(lambda: worker.count("running") == 2)  # claimed for the time after it
        assert len(worker.engine.sent) == 1


def learn(connections: Connections, shape: Shape, **seconds: float) -> None:
    key = {"lane": LANE, "device": "?", "width": shape.width, "height": shape.height, "frames": shape.frames}
    rows = [
        key | {"batch_size": int(size[1:]), "pass_seconds": value, "samples": 99, "updated_at": 1.0}
        for size, value in seconds.items()
    ]
    with write(connections.engine) as connection:
        connection.execute(insert(BatchCurve), rows)


def shape_of_job(connections: Connections, job_id: str) -> Shape:
    with read(connections.engine) as connection:
        return Shape(
            *connection.execute(
                select(Render.width, Render.height, Render.frames).where(Render.job_id == job_id)
            ).first()
        )  # type: ignore[misc]


def test_the_batch_is_as_large_as_the_curve_says_and_joins_keep_to_it(
    worker: ScriptedWorker, connections: Connections, ada: str, bob: str
) -> None:
    job = submit_job(connections, ada, 40)
    submit_job(connections, bob, 1, width=128)  # so that somebody else waits
    learn(connections, shape_of_job(connections, job), s1=1.0, s2=1.1, s4=2.2, s8=4.4)
    with worker.working():
        eventually(lambda: worker.engine.sent)
        assert len(worker.engine.ids(0)) == 2
        worker.engine.step(1, 20)
        submit_job(connections, bob, 1)
        worker.engine.end(worker.engine.ids(0)[:1])
        eventually(lambda: len(worker.engine.sent) == 2)
        assert len(worker.engine.ids(1)) == 1


def test_memory_that_ran_out_makes_batches_smaller(worker: ScriptedWorker, connections: Connections, ada: str) -> None:
    job = submit_job(connections, ada, 40)
    worker.feeder.memory_fits(shape_of_job(connections, job), 3)
    with worker.working():
        eventually(lambda: worker.engine.sent)
        assert len(worker.engine.ids(0)) == 3


def test_a_batch_waits_a_moment_while_its_job_is_still_being_taken_in(
    worker: ScriptedWorker, connections: Connections, ada: str
) -> None:
    worker.feeder._filling.batch_wait.seconds = 30.0
    most = connections.catalog.pool(POOL).max_batch
    job = submit_job(connections, ada, 1)
    with write(connections.engine) as connection:
        connection.execute(update(Job).where(Job.id == job).values(status="admitting"))
    with worker.working():
        eventually(lambda: worker.count("running") == 1)
        assert worker.engine.sent == []
        submit_job(connections, ada, most - 1)
        eventually(lambda: worker.engine.sent)
        assert len(worker.engine.ids(0)) == most


def test_a_quarantined_worker_claims_nothing_until_it_is_released(
    worker: ScriptedWorker, connections: Connections, ada: str
) -> None:
    submit_job(connections, ada, 1)
    worker.feeder.quarantined = True
    assert worker.feeder.work_until_empty() == 0

    worker.feeder.quarantined = False
    with worker.working():
        eventually(lambda: worker.engine.sent)
