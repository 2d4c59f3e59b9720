"""What a settle does, and what it refuses to, on both databases."""

from dataclasses import replace

import pytest
from sqlalchemy import Engine, event, update

from farm.database import write
from farm.ids import new_id
from farm.lifecycle import JobStatus, Outcome, RenderStatus
from farm.tables import Artifact, Attempt, Event, Flow, Job, LaneClass, Observation, Pool, Render
from scheduler.batching.sealed_batches import SEALED
from scheduler.claims.claim_batch import Claim
from scheduler.estimates.observations import Observed
from scheduler.leases.reap import reap
from scheduler.leases.settle import Settlement, settle
from tests.scheduler.farms import LANE, POOL, SmallFarm, done, failed, returned


@pytest.fixture
def farm(engine: Engine) -> SmallFarm:
    return SmallFarm(engine)


def claimed(farm: SmallFarm, **options: int) -> Claim:
    claim = farm.claim(**options)
    assert claim
    return claim


def test_done_renders_end_their_job(farm: SmallFarm) -> None:
    job_id, ids = farm.submit(3)
    claim = claimed(farm)
    settled = settle(farm.engine, [done(render, gpu_seconds=0.5) for render in claim.renders], now=1010.0)
    assert settled.accepted == ids
    [changed] = settled.jobs
    assert (changed.job_id, changed.project_id, changed.version) == (job_id, farm.projects["ada"], 2)
    job = farm.row(Job, id=job_id)
    assert (job.status, job.renders_done, job.version, job.finished_at) == (JobStatus.DONE, 3, 2, 1010.0)
    render = farm.row(Render, id=ids[0])
    assert (render.status, render.phase, render.worker_id, render.lease_until) == ("done", None, None, None)
    assert (render.attempt, render.finished_at, render.gpu_seconds) == (1, 1010.0, 0.5)
    attempt = farm.row(Attempt, render_id=ids[0])
    assert (attempt.outcome, attempt.ended_at, attempt.gpu_seconds) == ("done", 1010.0, 0.5)
    artifact = farm.row(Artifact, render_id=ids[0])
    assert (artifact.kind, artifact.attempt, artifact.width, artifact.created_at) == ("output", 1, 64, 1010.0)


def test_one_event_tells_of_each_kind_in_a_batch(farm: SmallFarm) -> None:
    job_id, _ = farm.submit(6)
    first, second, third, fourth = claimed(farm, capacity=4).renders
    settle(farm.engine, [done(first), done(second), failed(third, "NaN in the latents"), returned(fourth)], now=1010.0)
    events = farm.rows(Event, job_id=job_id)
    assert [(event.version, event.kind) for event in events] == [
        (1, "submitted"),
        (2, "done"),
        (3, "retried"),
        (4, "returned"),
    ]
    assert events[1].payload == {"renders": [0, 1], "status": "open"}
    assert events[2].payload == {"renders": [2], "status": "open", "reasons": {"2": "NaN in the latents"}}
    assert farm.row(Job, id=job_id).version == 4


def test_a_settlement_for_an_old_attempt_is_void(farm: SmallFarm) -> None:
    job_id, _ = farm.submit(1)
    zombie = claimed(farm).renders[0]
    reap(farm.engine, now=farm.now + 31)
    again = claimed(farm).renders[0]
    for settlement in (done(zombie), failed(zombie), returned(zombie)):
        settled = settle(farm.engine, [settlement], now=1040.0)
        assert (settled.accepted, settled.jobs) == ([], [])
    assert farm.row(Render, id=again.id).status == "running"
    assert farm.rows(Artifact) == []
    assert settle(farm.engine, [done(again)], now=1041.0).accepted == [again.id]
    assert farm.row(Job, id=job_id).renders_done == 1


def test_a_settlement_of_a_cancelled_render_is_void(farm: SmallFarm) -> None:
    farm.submit(1)
    render = claimed(farm).renders[0]
    with write(farm.engine) as connection:
        connection.execute(update(Render).values(status="cancelled", attempt=Render.attempt + 1, worker_id=None))
    assert settle(farm.engine, [done(render)], now=1010.0).accepted == []


def test_a_settlement_by_another_worker_is_void(farm: SmallFarm) -> None:
    farm.submit(1)
    render = claimed(farm).renders[0]
    assert settle(farm.engine, [done(render)], now=1010.0, worker_id=new_id()).accepted == []
    holder = farm.row(Render, id=render.id).worker_id
    assert settle(farm.engine, [done(render)], now=1010.0, worker_id=holder).accepted == [render.id]


def test_what_is_void_does_not_hinder_the_rest_of_the_batch(farm: SmallFarm) -> None:
    farm.submit(2)
    first, second = claimed(farm).renders
    unknown = Settlement(new_id(), 1, Outcome.RETURNED)
    old = Settlement(second.id, second.attempt - 1, Outcome.RETURNED)
    assert settle(farm.engine, [unknown, old, done(first)], now=1010.0).accepted == [first.id]


def test_a_repeated_settlement_is_accepted_and_changes_nothing(farm: SmallFarm) -> None:
    job_id, ids = farm.submit(2)
    settlements = [done(render, 0.5) for render in claimed(farm).renders]
    settle(farm.engine, settlements, now=1010.0)
    before = farm.row(Job, id=job_id), farm.rows(Artifact), farm.rows(Flow)
    again = settle(farm.engine, settlements, now=1020.0)
    assert (again.accepted, again.jobs) == (ids, [])
    assert (farm.row(Job, id=job_id), farm.rows(Artifact), farm.rows(Flow)) == before


@pytest.mark.parametrize("limit_at_first", [None, SEALED], ids=["any", "sealed"])
def test_a_failure_is_blamed_halves_the_batch_then_isolates_it_then_fails(
    farm: SmallFarm, limit_at_first: int | None
) -> None:
    job_id, _ = farm.submit(8, batch_limit=limit_at_first)
    for expected_size, batch_limit in [(8, 4), (4, 1)]:
        claim = claimed(farm)
        assert len(claim.renders) == expected_size
        settle(farm.engine, [failed(render, "the process died") for render in claim.renders], now=farm.now)
        assert {farm.row(Render, id=render.id).batch_limit for render in claim.renders} == {batch_limit}
    claims = [claimed(farm) for _ in range(5)]
    assert sorted(len(claim.renders) for claim in claims) == [1, 1, 1, 1, 4]
    [culprit, *innocent] = [render for claim in claims for render in claim.renders]
    settle(farm.engine, [failed(culprit, "the process died"), *map(done, innocent)], now=farm.now)
    render = farm.row(Render, id=culprit.id)
    assert (render.status, render.failures, render.reason) == (RenderStatus.FAILED, 3, "the process died")
    job = farm.row(Job, id=job_id)
    assert (job.status, job.renders_done, job.renders_failed) == (JobStatus.PARTIAL, 7, 1)
    assert farm.claim() is None


def test_the_number_of_failures_that_a_render_may_have_is_a_setting(farm: SmallFarm) -> None:
    job_id, _ = farm.submit(1)
    settle(farm.engine, [failed(claimed(farm).renders[0])], now=1010.0, max_failures=1)
    assert farm.row(Job, id=job_id).status == JobStatus.FAILED


def test_a_returned_render_is_not_blamed_and_may_be_claimed_at_once(farm: SmallFarm) -> None:
    _, [id] = farm.submit(1)
    for attempt in (1, 3, 5, 7, 9):
        render = claimed(farm).renders[0]
        assert render.attempt == attempt
        settle(farm.engine, [returned(render, "the worker drains")], now=1010.0)
    row = farm.row(Render, id=id)
    assert (row.status, row.failures, row.batch_limit, row.reason) == ("pending", 0, None, "the worker drains")
    assert [attempt.outcome for attempt in farm.rows(Attempt)] == ["returned"] * 5


def test_what_comes_back_to_a_paused_job_is_held(farm: SmallFarm) -> None:
    job_id, _ = farm.submit(3)
    first, second, third = claimed(farm).renders
    with write(farm.engine) as connection:
        connection.execute(update(Job).where(Job.id == job_id).values(status="paused"))
    settle(farm.engine, [failed(first), returned(second), done(third)], now=1010.0)
    assert (farm.count("held"), farm.count("done")) == (2, 1)
    assert farm.claim() is None
    assert farm.row(Job, id=job_id).status == "paused"


def test_the_real_seconds_are_charged_in_the_end(farm: SmallFarm) -> None:
    farm.flow("ada", weight=2.0)
    farm.submit(4, estimate=3.0)
    first, second, third, fourth = claimed(farm).renders
    farm.fold()
    assert farm.row(Flow, id=farm.flow()).virtual_time == 12.0 / 2
    settle(
        farm.engine, [done(first, 1.0), done(second, 7.0), done(third), returned(fourth)], now=1010.0
    )  # the third was not measured, the fourth did not use its turn
    farm.fold()
    assert farm.row(Flow, id=farm.flow()).virtual_time == (1.0 + 7.0 + 3.0) / 2
    assert farm.row(LaneClass, lane=LANE).virtual_time == (1.0 + 7.0 + 3.0) / 4


def test_done_needs_an_output() -> None:
    with pytest.raises(ValueError, match="output"):
        Settlement(new_id(), 1, Outcome.DONE)


@pytest.mark.parametrize("outcome", [Outcome.LOST, Outcome.CANCELLED])
def test_a_worker_cannot_say_what_is_not_its_to_say(outcome: Outcome) -> None:
    with pytest.raises(ValueError, match=outcome):
        Settlement(new_id(), 1, outcome)


def test_a_job_still_being_admitted_does_not_end(farm: SmallFarm) -> None:
    job_id, _ = farm.submit(1)
    with write(farm.engine) as connection:
        connection.execute(update(Job).where(Job.id == job_id).values(status="admitting"))
    settle(farm.engine, [done(claimed(farm).renders[0])], now=1010.0)
    assert farm.row(Job, id=job_id).status == "admitting"


def test_what_was_spent_is_told_in_seconds_money_and_energy_failed_attempts_too(farm: SmallFarm) -> None:
    with write(farm.engine) as connection:
        connection.execute(update(Pool).values(price_per_hour=3.6, watts=360.0))
    job_id, [id] = farm.submit(1)
    broken = replace(failed(claimed(farm).renders[0]), gpu_seconds=100.0, log_lines="CUDA error: an illegal access")
    settle(farm.engine, [broken], 1010.0, pool=POOL)
    settle(farm.engine, [done(claimed(farm).renders[0], 50.0)], 1020.0)  # its pool is known by its attempt
    for row in (farm.row(Render, id=id), farm.row(Job, id=job_id)):
        assert (row.gpu_seconds, row.money, row.watt_hours) == pytest.approx((150.0, 0.15, 15.0))
    first, second = farm.rows(Attempt, render_id=id)
    assert (first.gpu_seconds, first.log_lines) == (100.0, "CUDA error: an illegal access")
    assert (second.gpu_seconds, second.log_lines) == (50.0, None)


def test_what_was_measured_is_kept_until_it_is_learnt(farm: SmallFarm) -> None:
    farm.submit(2)
    first, second = claimed(farm).renders
    observed = Observed("cpu", 64, 64, 1, 4, False, 8, True, 0.1, 0.2, 0.1, 0.3, 1.0)
    settle(farm.engine, [replace(done(first, 0.3), observation=observed), done(second, 0.3)], 1010.0, pool=POOL)
    [row] = farm.rows(Observation)
    assert (row.render_id, row.pool, row.lane, row.at) == (first.id, POOL, LANE, 1010.0)
    assert (row.device, row.batch_size, row.gpu_seconds) == ("cpu", 8, 0.3)


def test_a_settle_that_nobody_watches_writes_no_events_and_counts_all_the_same(farm: SmallFarm) -> None:
    job_id, _ = farm.submit(2)
    settle(farm.engine, [done(render) for render in claimed(farm).renders], 1010.0, events=False)
    job = farm.row(Job, id=job_id)
    assert (job.status, job.renders_done, job.version) == ("done", 2, 1)
    assert [event.kind for event in farm.rows(Event)] == ["submitted"]
    assert {row.status for row in farm.rows(Render)} == {"done"}


def test_a_settle_takes_as_many_statements_for_eight_renders_as_for_one(farm: SmallFarm) -> None:
    counts = []
    for renders in (1, 8):
        farm.submit(renders)
        settlements = [done(render, 0.5) for render in claimed(farm, capacity=renders).renders]
        counts.append(0)

        def count(*_: object) -> None:
            counts[-1] += 1

        event.listen(farm.engine, "before_cursor_execute", count)
        settle(farm.engine, settlements, 1010.0, pool=POOL)
        event.remove(farm.engine, "before_cursor_execute", count)
    assert counts[0] == counts[1] <= 12
