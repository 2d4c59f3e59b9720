"""How far long renders are is stored on their way and before the worker leaves, and the next worker gets it."""

import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from farm.accounts import create_project
from farm.connections import Connections
from farm.database import read
from farm.errors import NotFound
from farm.lifecycle import Outcome, Phase
from farm.settings import Settings
from farm.storage import Storage
from farm.storage_keys import ARTIFACTS
from farm.tables import Render
from scheduler.claims.claim_batch import ClaimedRender
from scheduler.leases.checkpoint_rows import newest
from scheduler.leases.settle import Settlement, settle
from tests.scheduler.conftest import catalog, clock, connect
from tests.scheduler.jobs import claim_some, submit_job
from tests.servers import S3
from tests.waiting import eventually
from tests.workers.agent.test_engine_feeder import connections
from tests.workers.scripted import ScriptedEngine
from workers.agent.checkpoint_uploader import Checkpointing
from workers.agent.leased_renders import LeasedRenders
from workers.agent.render_orders import Ordering
from workers.agent.settler import Settler
from workers.protocol import Checkpointed, CheckpointsSaved, SaveCheckpoints

__all__ = ["catalog", "clock", "connect", "connections"]
pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
WORKER = "01a20936-152b-75ce-80a1-dcf6f4b2b4a5"


class SavingEngine(ScriptedEngine):
    """Answers as the engine does: a file for each render that it was asked for and that has taken a step."""

    checkpointing: Checkpointing
    spool: Path
    silent = False

    def send(self, message: object) -> bool:
        super().send(message)
        if isinstance(message, SaveCheckpoints) and not self.silent:
            for held in self._held_renders.in_engine():
                if held.step and (message.render_ids is None or held.render.id in message.render_ids):
                    path = self.spool / f"{held.render.id}-{held.step}"
                    path.write_bytes(f"{held.render.id} at {held.step}".encode())
                    self.checkpointing.on_message(
                        Checkpointed(held.render.id, held.render.attempt, str(path), held.step, held.steps, 1.5)
                    )
            self.checkpointing.on_message(CheckpointsSaved([]))
        return True

    @property
    def asked(self) -> list[Any]:
        return [message.render_ids for message in self.told if isinstance(message, SaveCheckpoints)]


@pytest.fixture
def seconds() -> float:
    return 0.5


@pytest.fixture
def settings(database_url: str, tmp_path: Path, seconds: float) -> Settings:
    return Settings(data_dir=tmp_path, database_url=database_url, checkpoint_seconds=seconds)


@pytest.fixture
def farm(connections: Connections, own_bucket: S3) -> Connections:
    connections.storage = Storage(own_bucket)
    return connections


@pytest.fixture
def engine(farm: Connections, tmp_path: Path) -> Iterator[SavingEngine]:
    """It holds two renders of one job: the first at step 3, the second not begun."""
    submit_job(farm, create_project(farm.engine, "ada", clock=farm.clock), 2)
    held_renders = LeasedRenders()
    engine = SavingEngine(held_renders)
    engine.spool = tmp_path / "spool"
    engine.spool.mkdir()
    engine.checkpointing = Checkpointing(farm, held_renders, engine, worker_id=WORKER)
    held_renders.take("batch", claim_some(farm, worker_id=WORKER))
    step_first(engine, 3)
    engine.checkpointing.start()
    yield engine
    engine.checkpointing.stop()


def held(engine: SavingEngine) -> list[ClaimedRender]:
    return sorted((leased.render for leased in engine._held_renders.in_engine()), key=lambda render: render.index)


def step_first(engine: SavingEngine, step: int) -> None:
    first = held(engine)[0]
    engine._held_renders.step(first.id, first.attempt, Phase.STEPPING, step, 20)


def stored(farm: Connections) -> list[bytes]:
    found = []
    for key in farm.storage.list(ARTIFACTS):
        with suppress(NotFound):  # removed since it was listed
            found.append(farm.storage.get(key))
    return found


def test_a_render_that_steps_for_long_is_saved_again_and_again_and_only_the_newest_is_kept(
    farm: Connections, engine: SavingEngine
) -> None:
    first, second = held(engine)
    eventually(lambda: newest(farm.engine, [first.id]))
    step_first(engine, 4)
    eventually(lambda: stored(farm) == [f"{first.id} at 4".encode()])
    assert set(newest(farm.engine, [first.id, second.id])) == {first.id}
    assert {tuple(ids) for ids in engine.asked} == {(first.id,)}, "who has not begun has nothing to save"
    assert list(engine.spool.iterdir()) == []


def test_before_a_worker_leaves_all_is_saved_and_the_next_one_goes_on_from_it(
    farm: Connections, engine: SavingEngine, tmp_path: Path
) -> None:
    engine.checkpointing.save_all(until=time.monotonic() + 60)
    first, second = held(engine)
    assert set(newest(farm.engine, [first.id, second.id])) == {first.id}

    back = [Settlement(render.id, render.attempt, Outcome.RETURNED) for render in (first, second)]
    settle(farm.engine, back, farm.clock())
    again = sorted(claim_some(farm), key=lambda render: render.index)
    ordering = Ordering(farm, tmp_path)
    orders = ordering.orders(again)
    assert [order.checkpoint is not None for order in orders] == [True, False]
    assert Path(str(orders[0].checkpoint)).read_text() == f"{first.id} at 3"
    ordering.begun(first.id)
    assert not Path(str(orders[0].checkpoint)).exists()


def test_who_is_handed_back_pays_for_the_steps_that_are_kept(farm: Connections, engine: SavingEngine) -> None:
    engine.checkpointing.save_all(until=time.monotonic() + 60)
    settler = Settler(farm, worker_id=WORKER, pool="sana-demo-local", held_renders=engine._held_renders)
    settler.end(engine._held_renders.in_engine(), Outcome.RETURNED, "The worker was told to stop.")
    with read(farm.engine) as connection:
        spent = connection.scalars(select(Render.gpu_seconds).order_by(Render.index)).all()
    assert spent == [1.5, None], "the second has not begun"


@pytest.mark.parametrize("harm", ["changed", "gone"])
def test_a_checkpoint_that_is_not_what_was_stored_is_not_gone_on_from(
    farm: Connections, engine: SavingEngine, tmp_path: Path, harm: str
) -> None:
    engine.checkpointing.save_all(until=time.monotonic() + 60)
    [first, _] = held(engine)
    [key] = farm.storage.list(ARTIFACTS)
    if harm == "changed":
        farm.storage.put(key, b"something else", "x/y")
    else:
        farm.storage.delete([key])
    settle(farm.engine, [Settlement(first.id, first.attempt, Outcome.RETURNED)], farm.clock())
    [again] = claim_some(farm)
    [order] = Ordering(farm, tmp_path).orders([again])
    assert (order.render_id, order.checkpoint) == (first.id, None)


def test_what_a_worker_saves_of_a_render_that_was_taken_from_it_is_void(
    farm: Connections, engine: SavingEngine
) -> None:
    [first, _] = held(engine)
    settle(farm.engine, [Settlement(first.id, first.attempt, Outcome.RETURNED)], farm.clock())
    engine.checkpointing.save_all(until=time.monotonic() + 60)
    assert newest(farm.engine, [first.id]) == {}


def test_an_engine_that_does_not_answer_keeps_nobody_and_one_that_died_is_not_waited_for(
    farm: Connections, engine: SavingEngine
) -> None:
    engine.silent = True
    engine.checkpointing.save_all(until=time.monotonic() + 0.1)
    engine.checkpointing.engine_died()
    engine.silent = False
    engine.checkpointing.save_all(until=time.monotonic() + 60)
    assert newest(farm.engine, [held(engine)[0].id])


@pytest.mark.parametrize("seconds", [0.0])
def test_with_checkpoints_switched_off_nothing_is_saved(farm: Connections, engine: SavingEngine) -> None:
    engine.checkpointing.save_all(until=time.monotonic() + 60)
    assert engine.asked == []
