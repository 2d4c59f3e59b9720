"""What a claim hands out, on both databases."""

import threading
from collections import Counter

import pytest
from sqlalchemy import Engine, update

from farm.database import write
from farm.ids import new_id
from farm.lifecycle import Phase, RenderStatus
from farm.tables import Attempt, Flow, Job, Lane, LaneClass, Pool, Render
from scheduler.claims.claim_batch import Claimer, claim
from scheduler.claims.scan_cursor import ScanCursor
from scheduler.fair_share.flows import wake_flow
from scheduler.leases.settle import settle
from tests.scheduler.farms import LANE, POOL, SmallFarm, done, failed


@pytest.fixture
def farm(engine: Engine) -> SmallFarm:
    return SmallFarm(engine)


def test_nothing_pending_gives_no_claim(farm: SmallFarm) -> None:
    farm.flow()
    assert farm.claim() is None


def test_an_unknown_pool_gives_no_claim(farm: SmallFarm) -> None:
    farm.submit()
    with write(farm.engine) as connection:
        connection.execute(update(Pool).values(name="another"))
    assert farm.claim() is None


def test_a_claim_leases_the_first_renders_of_the_job_in_their_order(farm: SmallFarm) -> None:
    _, ids = farm.submit(5)
    worker = new_id()
    claim = farm.claim(capacity=3, worker_id=worker)
    assert claim
    assert [render.id for render in claim.renders] == ids[:3]
    render = farm.row(Render, id=ids[0])
    assert (render.status, render.phase, render.attempt) == (RenderStatus.RUNNING, Phase.CLAIMED, 1)
    assert (render.worker_id, render.lease_until, render.started_at) == (worker, farm.now + 30.0, farm.now)
    attempt = farm.row(Attempt, render_id=ids[0])
    assert (attempt.number, attempt.worker_id, attempt.pool) == (1, worker, POOL)
    assert (attempt.batch_id, attempt.batch_size, attempt.outcome) == (claim.batch_id, 3, None)


def test_a_claim_holds_what_the_worker_needs(farm: SmallFarm) -> None:
    job_id, ids = farm.submit(1, width=96, height=32, frames=5, parameters={"prompt": "蓝色"}, estimate=2.5)
    claim = farm.claim()
    assert claim
    [render] = claim.renders
    assert (render.id, render.job_id, render.project_id) == (ids[0], job_id, farm.projects["ada"])
    assert (render.width, render.height, render.frames, render.lane) == (96, 32, 5, LANE)
    assert (render.parameters, render.estimate, render.attempt) == ({"prompt": "蓝色"}, 2.5, 1)


def test_a_batch_has_one_batch_key_and_nobody_else_waits_longer_for_it(farm: SmallFarm) -> None:
    _, first = farm.submit(2, batch_key="a" * 64)
    _, other = farm.submit(1, batch_key="b" * 64)
    _, later = farm.submit(1, batch_key="a" * 64)
    claims = [farm.claim(), farm.claim()]
    assert [[render.id for render in claim.renders] for claim in claims if claim] == [first + later, other]


def test_free_slots_are_filled_with_renders_of_other_projects_each_charged_its_own(farm: SmallFarm) -> None:
    farm.submit(2, project="ada", estimate=3.0)
    farm.submit(9, project="bob", estimate=5.0)
    claim = farm.claim(capacity=8)
    assert claim
    assert Counter(render.project_id for render in claim.renders) == {
        farm.projects["ada"]: 2,
        farm.projects["bob"]: 6,
    }
    farm.fold()
    assert farm.row(Flow, id=farm.flow("ada")).virtual_time == 6.0
    assert farm.row(Flow, id=farm.flow("bob")).virtual_time == 30.0
    assert farm.row(LaneClass, lane=LANE).virtual_time == 36.0 / 4


def test_projects_take_turns_by_weight(farm: SmallFarm) -> None:
    for place, (project, weight) in enumerate([("ada", 1.0), ("bob", 3.0)]):
        farm.flow(project, weight=weight)
        farm.submit(200, project=project, batch_key=str(place) * 64)
    claims = [farm.claim(capacity=4) for _ in range(40)]
    taken = Counter(claim.renders[0].project_id for claim in claims if claim)
    assert taken[farm.projects["bob"]] == pytest.approx(30, abs=1)


def test_a_newcomer_is_served_next_behind_a_long_backlog(farm: SmallFarm) -> None:
    farm.submit(300, project="ada", batch_key="a" * 64)
    for _ in range(10):
        farm.claim()
    _, [id] = farm.submit(1, project="bob", batch_key="b" * 64)
    claims = [farm.claim(), farm.claim()]
    assert id in {render.id for claim in claims if claim for render in claim.renders}


def test_a_project_gains_nothing_by_having_been_idle(farm: SmallFarm) -> None:
    farm.submit(8, project="bob", batch_key="b" * 64)
    farm.claim()
    assert farm.claim() is None  # bob's flow is idle
    farm.submit(400, project="ada", batch_key="a" * 64)
    for _ in range(20):
        farm.claim()
    farm.submit(400, project="bob", batch_key="b" * 64)
    claims = [farm.claim() for _ in range(10)]
    taken = Counter(claim.renders[0].project_id for claim in claims if claim)
    assert 4 <= taken[farm.projects["bob"]] <= 6


def test_urgent_goes_before_bulk(farm: SmallFarm) -> None:
    farm.submit(40, class_name="bulk", batch_key="a" * 64)
    farm.claim()
    _, ids = farm.submit(1, project="bob", class_name="urgent", batch_key="b" * 64)
    claim = farm.claim()
    assert claim
    assert claim.renders[0].id == ids[0]


@pytest.mark.parametrize("table", [Lane, Pool, Flow])
def test_what_is_paused_is_not_claimed_and_goes_on_when_resumed(farm: SmallFarm, table: type) -> None:
    farm.submit(3)
    with write(farm.engine) as connection:
        connection.execute(update(table).values(paused_at=farm.now))
    assert farm.claim() is None
    with write(farm.engine) as connection:
        connection.execute(update(table).values(paused_at=None))
        wake_flow(connection, farm.flow())
    claim = farm.claim()
    assert claim
    assert len(claim.renders) == 3


def test_backfill_never_come_from_a_paused_flow(farm: SmallFarm) -> None:
    farm.submit(2, project="ada")
    farm.submit(9, project="bob")
    with write(farm.engine) as connection:
        connection.execute(update(Flow).where(Flow.id == farm.flow("bob")).values(paused_at=farm.now))
    claim = farm.claim()
    assert claim
    assert len(claim.renders) == 2


def test_a_render_that_must_be_alone_is_alone(farm: SmallFarm) -> None:
    farm.submit(1, batch_limit=1)
    farm.submit(3)
    farm.submit(2, batch_limit=1)
    sizes = []
    while claim := farm.claim():
        sizes.append([(render.id, render.batch_key) for render in claim.renders])
    assert sorted(len(batch) for batch in sizes) == [1, 1, 1, 3]


def test_limited_ones_are_batched_with_limited_ones_up_to_their_limit(farm: SmallFarm) -> None:
    _, find_poison = farm.submit(5, batch_limit=4)
    farm.submit(8)
    batches = []
    while claim := farm.claim():
        batches.append({render.id for render in claim.renders})
    assert set(find_poison[:4]) in batches
    assert {find_poison[4]} in batches


def test_what_is_lower_in_rank_is_sooner(farm: SmallFarm) -> None:
    farm.submit(2)
    _, sooner = farm.submit(1, rank=-5)
    claim = farm.claim(capacity=1)
    assert claim
    assert claim.renders[0].id == sooner[0]


def test_a_claim_never_touches_jobs(farm: SmallFarm) -> None:
    job_id, _ = farm.submit(3)
    before = farm.row(Job, id=job_id)
    farm.claim()
    assert farm.row(Job, id=job_id) == before


def test_many_empty_flows_do_not_hide_the_one_that_has_work(farm: SmallFarm) -> None:
    for place in range(25):
        flow_id = farm.flow(f"idle-{place}")
        with write(farm.engine) as connection:
            wake_flow(connection, flow_id)
    _, ids = farm.submit(1, project="last")
    claim = farm.claim()
    assert claim
    assert claim.renders[0].id == ids[0]


def test_a_flow_found_empty_is_idle_until_it_is_woken(farm: SmallFarm) -> None:
    farm.submit(1)
    farm.claim()
    assert farm.row(Flow, id=farm.flow()).backlogged
    assert farm.claim() is None
    assert not farm.row(Flow, id=farm.flow()).backlogged
    farm.submit(1)
    assert farm.claim() is not None


def test_a_scan_cursor_hides_nothing_for_longer_than_its_life(farm: SmallFarm) -> None:
    scan_cursor = ScanCursor(life=1.0)
    farm.submit(20)
    first = farm.claim(capacity=2, scan_cursor=scan_cursor)
    second = farm.claim(capacity=2, scan_cursor=scan_cursor)
    assert first
    assert second
    settle(farm.engine, [failed(first.renders[0])], farm.now)
    farm.now += 1.0
    claims = [farm.claim(capacity=2, scan_cursor=scan_cursor) for _ in range(10)]
    assert first.renders[0].id in {render.id for claim in claims if claim for render in claim.renders}


def test_a_scan_cursor_never_makes_a_claim_empty_while_something_is_pending(farm: SmallFarm) -> None:
    scan_cursor = ScanCursor(life=1e9)
    _, ids = farm.submit(4)
    claim = farm.claim(capacity=4, scan_cursor=scan_cursor)
    assert claim
    settle(farm.engine, [failed(render) for render in claim.renders], farm.now)
    again = farm.claim(capacity=4, scan_cursor=scan_cursor)
    assert again
    assert again.renders[0].id == ids[0]


def test_claimers_at_once_take_every_render_exactly_once(farm: SmallFarm) -> None:
    for project in ("ada", "bob", "eve", "joe"):
        for key in "ab":
            farm.submit(250, project=project, batch_key=key * 64)
    taken: list[str] = []
    faults: list[BaseException] = []

    def drain() -> None:
        scan_cursor, worker = ScanCursor(), new_id()
        try:
            while (claim := farm.claim(worker_id=worker, scan_cursor=scan_cursor)) is not None:
                assert len({render.batch_key for render in claim.renders}) == 1
                taken.extend(render.id for render in claim.renders)
                settled = settle(farm.engine, [done(render) for render in claim.renders], farm.now)
                assert len(settled.accepted) == len(claim.renders)
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=drain) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # A claimer may find everything left locked by the others, and stop early; the last one finds it all.
    drain()
    assert faults == []
    assert len(taken) == len(set(taken)) == 2000
    assert farm.count("done") == 2000
    assert all(attempt.number == 1 and attempt.outcome == "done" for attempt in farm.rows(Attempt))
    assert {job.status for job in farm.rows(Job)} == {"done"}


def test_less_urgent_work_is_not_taken_beside_what_it_would_slow_down(farm: SmallFarm) -> None:
    _, others = farm.submit(3, project="bob", class_name="normal")
    _, urgent = farm.submit(2, project="ada", class_name="urgent")
    _, more = farm.submit(1, project="eve", class_name="urgent")
    claimer = Claimer(POOL, new_id(), 30.0)
    first = claim(farm.engine, claimer, capacity=8, now=farm.now, slowed=lambda head: head.class_name == "urgent")
    assert first
    assert first.apart
    assert sorted(render.id for render in first.renders) == sorted(urgent + more)
    second = claim(farm.engine, claimer, capacity=8, now=farm.now, slowed=lambda head: True)
    assert second
    assert not second.apart
    assert [render.id for render in second.renders] == others
