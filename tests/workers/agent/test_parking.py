"""What renders gives way to what is more urgent where that pays, and goes on; with a scripted engine and real SQL."""

import time
from collections.abc import Iterator

import pytest

from farm.connections import Connections
from farm.settings import Settings
from tests.scheduler.conftest import catalog, clock, connect
from tests.scheduler.jobs import POOL, submit_job
from tests.waiting import eventually
from tests.workers.agent.test_engine_feeder import ada, bob, connections, learn, renders_of, shape_of_job, worker
from tests.workers.scripted import ScriptedWorker
from workers.agent.batch_claims import BatchClaims
from workers.protocol import ParkRenders, RenderBatch, ResumeRenders

__all__ = ["ada", "bob", "catalog", "clock", "connect", "connections", "worker"]
pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
def changes() -> dict[str, object]:
    return {}


@pytest.fixture
def settings(database_url: str, tmp_path: object, changes: dict[str, object]) -> Settings:
    """Without Redis; a quick poll of SQL hears what comes."""
    return Settings(data_dir=tmp_path, database_url=database_url, idle_poll_seconds=0.05, **changes)


@pytest.fixture
def stepping(worker: ScriptedWorker, connections: Connections, ada: str) -> Iterator[list[str]]:
    """A full batch of a bulk job is in the engine, 2 of 20 steps done; its renders."""
    most = connections.catalog.pool(POOL).max_batch
    job = submit_job(connections, ada, most + 2, **{"class": "bulk"})
    with worker.working():
        eventually(lambda: worker.engine.sent)
        worker.engine.step(2, 20)
        yield renders_of(connections, job)[:most]


def told(worker: ScriptedWorker, kind: type) -> list[list[str]]:
    return [sorted(message.render_ids) for message in worker.engine.told if isinstance(message, kind)]


def test_a_batch_is_parked_for_an_urgent_picture_and_goes_on_after_its_last_step(
    worker: ScriptedWorker, connections: Connections, stepping: list[str], bob: str
) -> None:
    urgent = submit_job(connections, bob, 1, width=128, height=64, **{"class": "urgent"})

    eventually(lambda: len(worker.engine.sent) == 2)
    assert worker.engine.ids(1) == renders_of(connections, urgent)
    assert told(worker, ParkRenders) == [sorted(stepping)]
    assert told(worker, ResumeRenders) == []
    assert worker.count("running") == len(stepping) + 1, "what is parked keeps its lease"

    worker.engine.step(20, 20)  # the urgent one: its last step; it is not decoded yet
    eventually(lambda: told(worker, ResumeRenders) == [sorted(stepping)])
    assert [type(message) for message in worker.engine.told] == [RenderBatch, ParkRenders, RenderBatch, ResumeRenders]
    assert {leased.step for leased in worker.held_renders.in_engine()} == {2, 20}


def test_urgent_pictures_that_come_meanwhile_are_rendered_before_the_batch_goes_on(
    worker: ScriptedWorker, connections: Connections, stepping: list[str], bob: str
) -> None:
    submit_job(connections, bob, 1, width=128, height=64, **{"class": "urgent"})
    eventually(lambda: len(worker.engine.sent) == 2)
    # One of the same shape joins the first; one of another is next.
    same = submit_job(connections, bob, 1, width=128, height=64, **{"class": "urgent"})
    eventually(lambda: len(worker.engine.sent) == 3)
    other = submit_job(connections, bob, 1, width=64, height=128, **{"class": "urgent"})
    worker.engine.step(20, 20)
    eventually(lambda: len(worker.engine.sent) == 4)
    assert worker.engine.ids(2) == renders_of(connections, same)
    assert worker.engine.ids(3) == renders_of(connections, other)
    assert told(worker, ResumeRenders) == []
    worker.engine.step(20, 20)
    eventually(lambda: told(worker, ResumeRenders) == [sorted(stepping)])


def test_nothing_less_urgent_joins_what_others_were_parked_for(
    worker: ScriptedWorker, connections: Connections, stepping: list[str], bob: str
) -> None:
    # The urgent picture has the shape of the bulk job, of which two renders still wait.
    job = submit_job(connections, bob, 1, **{"class": "urgent"})
    eventually(lambda: len(worker.engine.sent) == 2)
    worker.engine.step(10, 20)
    submit_job(connections, bob, 1, **{"class": "normal"})
    time.sleep(0.3)  # several looks
    assert worker.engine.ids(1) == renders_of(connections, job)
    assert len(worker.engine.sent) == 2


def test_where_shared_passes_cost_little_the_urgent_picture_joins_and_nobody_is_parked(
    worker: ScriptedWorker, connections: Connections, ada: str, bob: str
) -> None:
    job = submit_job(connections, ada, 2, **{"class": "bulk"})
    learn(connections, shape_of_job(connections, job), s1=1.0, s2=1.05, s4=1.1, s8=1.2, s16=1.4)
    with worker.working():
        eventually(lambda: worker.engine.sent)
        worker.engine.step(2, 20)
        submit_job(connections, bob, 1, **{"class": "urgent"})
        eventually(lambda: len(worker.engine.sent) == 2)
        assert worker.engine.sent[0].batch_id == worker.engine.sent[1].batch_id
        assert told(worker, ParkRenders) == []


def test_where_shared_passes_are_slow_the_urgent_picture_is_rendered_alone_though_there_is_a_slot(
    worker: ScriptedWorker, connections: Connections, ada: str, bob: str
) -> None:
    job = submit_job(connections, ada, 2, **{"class": "bulk"})
    learn(connections, shape_of_job(connections, job), s1=1.0, s2=1.9, s4=3.4, s8=6.0)
    with worker.working():
        eventually(lambda: worker.engine.sent)
        worker.engine.step(2, 20)
        submit_job(connections, bob, 1, **{"class": "urgent"})
        eventually(lambda: len(worker.engine.sent) == 2)
        assert worker.engine.sent[0].batch_id != worker.engine.sent[1].batch_id
        assert told(worker, ParkRenders) == [sorted(renders_of(connections, job))]


def test_so_is_one_that_comes_when_it_has_just_been_asked_whether_something_waits(
    worker: ScriptedWorker, connections: Connections, ada: str, bob: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = submit_job(connections, ada, 2, **{"class": "bulk"})
    learn(connections, shape_of_job(connections, job), s1=1.0, s2=1.9, s4=3.4, s8=6.0)
    before, came = BatchClaims.before, []

    def ask_and_submit(claims: BatchClaims, class_name: str) -> object:
        waits = before(claims, class_name)
        if not came and worker.engine.sent:
            came.append(submit_job(connections, bob, 1, **{"class": "urgent"}))
        return waits

    monkeypatch.setattr(BatchClaims, "before", ask_and_submit)
    with worker.working():
        eventually(lambda: worker.engine.sent)
        submit_job(connections, ada, 1, **{"class": "bulk"})  # news, by which it asks
        worker.engine.step(2, 20)
        eventually(lambda: told(worker, ParkRenders))
        urgent = renders_of(connections, came[0])
        eventually(lambda: any(order.render_id in urgent for sent in worker.engine.sent for order in sent.renders))
        [alone] = [sent for sent in worker.engine.sent if any(one.render_id in urgent for one in sent.renders)]
        assert alone.batch_id != worker.engine.sent[0].batch_id


def test_so_is_one_that_comes_while_the_batch_is_handed_over(
    worker: ScriptedWorker, connections: Connections, ada: str, bob: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = submit_job(connections, ada, 2, **{"class": "bulk"})
    learn(connections, shape_of_job(connections, job), s1=1.0, s2=1.9, s4=3.4, s8=6.0)
    send = worker.engine.send

    def send_and_submit(message: object) -> bool:
        if isinstance(message, RenderBatch) and not worker.engine.sent:
            submit_job(connections, bob, 1, **{"class": "urgent"})
        return send(message)

    monkeypatch.setattr(worker.engine, "send", send_and_submit)
    with worker.working():
        eventually(lambda: len(worker.engine.sent) == 2)
        assert worker.engine.sent[0].batch_id != worker.engine.sent[1].batch_id
        assert told(worker, ParkRenders) == [sorted(renders_of(connections, job))]


@pytest.mark.parametrize("changes", [{"max_parked": 0}])
def test_with_parking_switched_off_an_urgent_picture_waits_for_the_end_of_the_batch(
    worker: ScriptedWorker, connections: Connections, stepping: list[str], bob: str
) -> None:
    urgent = submit_job(connections, bob, 1, width=128, height=64, **{"class": "urgent"})
    time.sleep(0.3)
    assert len(worker.engine.sent) == 1
    worker.engine.step(20, 20)
    worker.engine.end()
    eventually(lambda: len(worker.engine.sent) == 2)
    assert worker.engine.ids(1) == renders_of(connections, urgent)
    assert told(worker, ParkRenders) == []


def test_an_urgent_picture_does_not_wait_for_the_pixels_of_a_batch_whose_last_step_is_done(
    worker: ScriptedWorker, connections: Connections, ada: str, bob: str
) -> None:
    bulk = submit_job(connections, ada, connections.catalog.pool(POOL).max_batch, **{"class": "bulk"})
    with worker.working():
        eventually(lambda: worker.engine.sent)
        worker.engine.step(19, 20)
        urgent = submit_job(connections, bob, 1, width=128, height=64, **{"class": "urgent"})
        eventually(lambda: worker.count("pending") == 0 or worker.feeder._parking._left_to_join == "urgent")
        assert len(worker.engine.sent) == 1, "with one pass before it a batch is not parked"
        worker.engine.step(20, 20)
        eventually(lambda: len(worker.engine.sent) == 2)
        assert worker.engine.ids(1) == renders_of(connections, urgent)
        in_engine = {held.render.id for held in worker.held_renders.in_engine()}
        assert in_engine == {*renders_of(connections, bulk), *renders_of(connections, urgent)}
        assert told(worker, ParkRenders) == []


@pytest.mark.parametrize("changes", [{"parked_seconds": 0.2}])
def test_who_was_parked_for_long_enough_goes_on_beside_the_urgent_ones(
    worker: ScriptedWorker, connections: Connections, stepping: list[str], bob: str
) -> None:
    submit_job(connections, bob, 1, width=128, height=64, **{"class": "urgent"})
    eventually(lambda: told(worker, ParkRenders) == [sorted(stepping)])
    eventually(lambda: told(worker, ResumeRenders) == [sorted(stepping)])
    assert {leased.is_parked for leased in worker.held_renders.in_engine()} == {False}
    # And for the next urgent one they are not parked again.
    submit_job(connections, bob, 1, width=64, height=128, **{"class": "urgent"})
    time.sleep(0.3)
    assert len(told(worker, ParkRenders)) == 1


def test_a_normal_picture_is_parked_for_an_urgent_one_as_well(
    worker: ScriptedWorker, connections: Connections, stepping: list[str], ada: str, bob: str
) -> None:
    normal = submit_job(connections, ada, 1, width=128, height=64)
    eventually(lambda: len(worker.engine.sent) == 2)
    worker.engine.step(3, 20)
    urgent = submit_job(connections, bob, 1, width=64, height=128, **{"class": "urgent"})
    eventually(lambda: len(worker.engine.sent) == 3)
    assert worker.engine.ids(2) == renders_of(connections, urgent)
    assert told(worker, ParkRenders) == [sorted(stepping), renders_of(connections, normal)]
    worker.engine.step(20, 20)
    eventually(lambda: told(worker, ResumeRenders) == [renders_of(connections, normal)])
    worker.engine.step(20, 20)
    eventually(lambda: told(worker, ResumeRenders)[1:] == [sorted(stepping)])


@pytest.mark.parametrize("changes", [{"drain_seconds": 600}])
def test_a_worker_that_drains_does_not_wait_for_what_cannot_end_in_time(
    worker: ScriptedWorker, connections: Connections, ada: str
) -> None:
    submit_job(connections, ada, 1)
    with worker.working():
        eventually(lambda: worker.engine.sent)
        worker.engine.step(2, 2000)  # about half an hour
        worker.feeder.drain()
        eventually(lambda: not worker.feeder._turn.locked())
        assert worker.count("running") == 1, "it is saved and given back by the worker"
