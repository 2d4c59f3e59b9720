"""Leases are kept by those who hold them, and taken back from those who are silent."""

import pytest
from sqlalchemy import Engine, update

from farm.database import write
from farm.ids import new_id
from farm.lifecycle import Phase
from farm.tables import Attempt, Event, Flow, Job, LaneClass, Render
from scheduler.leases.extend import Held, extend, set_phase
from scheduler.leases.reap import REAP_CHUNK, reap
from scheduler.leases.settle import settle
from tests.scheduler.farms import LANE, SmallFarm, done


@pytest.fixture
def farm(engine: Engine) -> SmallFarm:
    return SmallFarm(engine)


def take(farm: SmallFarm, worker: str) -> list[Held]:
    claim = farm.claim(worker_id=worker)
    assert claim
    return [Held(render.id, render.attempt) for render in claim.renders]


def test_an_extended_lease_is_not_reaped(farm: SmallFarm) -> None:
    farm.submit(2)
    worker = new_id()
    held = take(farm, worker)
    assert extend(farm.engine, worker_id=worker, held=held, now=1025.0, lease_seconds=30) == []
    assert reap(farm.engine, now=1050.0) == []
    assert len(reap(farm.engine, now=1056.0)) == 1


def test_the_answer_to_an_extension_lists_what_was_revoked(farm: SmallFarm) -> None:
    farm.submit(3)
    worker = new_id()
    kept, cancelled, settled = take(farm, worker)
    gone = Held(new_id(), 1)
    with write(farm.engine) as connection:
        connection.execute(
            update(Render).where(Render.id == cancelled.render_id).values(status="cancelled", attempt=2, worker_id=None)
        )
        connection.execute(
            update(Render).where(Render.id == settled.render_id).values(status="done", worker_id=None, lease_until=None)
        )
    revoked = extend(farm.engine, worker_id=worker, held=[kept, cancelled, settled, gone], now=1010.0, lease_seconds=30)
    assert revoked == [cancelled.render_id, settled.render_id, gone.render_id]
    assert farm.row(Render, id=kept.render_id).lease_until == 1040.0
    assert farm.row(Render, id=cancelled.render_id).lease_until == 1030.0


def test_another_worker_cannot_extend_a_lease(farm: SmallFarm) -> None:
    farm.submit(1)
    held = take(farm, new_id())
    assert extend(farm.engine, worker_id=new_id(), held=held, now=1010.0, lease_seconds=30) == [held[0].render_id]
    assert farm.row(Render, id=held[0].render_id).lease_until == 1030.0


def test_nothing_held_is_nothing_to_extend(farm: SmallFarm) -> None:
    assert extend(farm.engine, worker_id=new_id(), held=[], now=1010.0, lease_seconds=30) == []


def test_a_lease_that_ran_out_is_taken_back_unblamed(farm: SmallFarm) -> None:
    job_id, ids = farm.submit(2)
    take(farm, new_id())
    [changed] = reap(farm.engine, now=1031.0)
    assert (changed.job_id, changed.version) == (job_id, 2)
    render = farm.row(Render, id=ids[0])
    assert (render.status, render.attempt, render.failures, render.batch_limit) == ("pending", 2, 0, None)
    assert (render.worker_id, render.lease_until, render.phase) == (None, None, None)
    attempt = farm.row(Attempt, render_id=ids[0])
    assert (attempt.number, attempt.outcome, attempt.ended_at) == (1, "lost", 1031.0)
    event = farm.row(Event, job_id=job_id, version=2)
    assert (event.kind, event.payload["renders"]) == ("lost", [0, 1])
    farm.fold()
    assert farm.row(Flow, id=farm.flow()).virtual_time == 0.0
    assert farm.row(LaneClass, lane=LANE).virtual_time == 0.0


def test_a_lease_that_has_not_run_out_is_left_alone(farm: SmallFarm) -> None:
    farm.submit(1)
    take(farm, new_id())
    assert reap(farm.engine, now=1029.9) == []
    assert farm.count("running") == 1


def test_what_was_reaped_can_be_claimed_by_another(farm: SmallFarm) -> None:
    farm.submit(2)
    take(farm, new_id())
    assert farm.claim() is None  # the flow is idle
    reap(farm.engine, now=1031.0)
    claim = farm.claim()
    assert claim
    assert {render.attempt for render in claim.renders} == {3}


def test_more_than_one_chunk_is_reaped_at_once_and_each_job_told_once(farm: SmallFarm) -> None:
    job_id, _ = farm.submit(REAP_CHUNK + 50)
    while farm.claim(capacity=50):
        pass
    [changed] = reap(farm.engine, now=1031.0)
    assert (changed.job_id, changed.version) == (job_id, 3)
    assert farm.count("pending") == REAP_CHUNK + 50
    assert [event.version for event in farm.rows(Event, job_id=job_id)] == [1, 2, 3]


def test_what_is_reaped_from_a_paused_job_is_held(farm: SmallFarm) -> None:
    job_id, _ = farm.submit(1)
    take(farm, new_id())
    with write(farm.engine) as connection:
        connection.execute(update(Job).where(Job.id == job_id).values(status="paused"))
    reap(farm.engine, now=1031.0)
    assert farm.count("held") == 1


def test_the_phase_is_shown_while_it_runs_and_only_then(farm: SmallFarm) -> None:
    farm.submit(1)
    claim = farm.claim()
    assert claim
    held = [Held(claim.renders[0].id, 1)]
    set_phase(farm.engine, held, Phase.STEPPING)
    assert farm.row(Render, id=claim.renders[0].id).phase == Phase.STEPPING
    set_phase(farm.engine, [Held(claim.renders[0].id, 7)], Phase.PARKED)
    assert farm.row(Render, id=claim.renders[0].id).phase == Phase.STEPPING
    settle(farm.engine, [done(claim.renders[0])], now=1010.0)
    set_phase(farm.engine, held, Phase.FINISHING)
    assert farm.row(Render, id=claim.renders[0].id).phase is None
