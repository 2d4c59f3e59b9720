"""Charges as rows: what they mean before they are folded, and that folding loses nothing and counts nothing twice."""

import threading
from collections import Counter
from typing import Any

import pytest
from sqlalchemy import Engine, func, insert, select, update

from farm.connections import Connections
from farm.database import read, write
from farm.tables import Charge, Flow, Lane, LaneClass, Pool, Usage
from scheduler.fair_share.charges import Entry, charge, claimed
from scheduler.fair_share.fair_queueing import CLASSES, LAG_BOUND
from scheduler.fair_share.fold_charges import FOLD_AT, LATE_IDS, fold
from scheduler.fair_share.read_turns import read_turns
from scheduler.leases.settle import settle
from scheduler.maintenance import fold_charges
from tests.scheduler.farms import LANE, POOL, SmallFarm, done, failed, returned


@pytest.fixture
def farm(engine: Engine) -> SmallFarm:
    return SmallFarm(engine)


def times(farm: SmallFarm) -> dict[str, tuple[float, float]]:
    """By flow: its virtual time and its class's, as a claim would read them now."""
    with read(farm.engine) as connection:
        order = read_turns(connection, POOL)
    return {turn.flow.id: (turn.flow.virtual_time, turn.class_start) for turn in order.turns}


def unfolded(farm: SmallFarm) -> int:
    with read(farm.engine) as connection:
        return connection.scalar(select(func.count()).select_from(Charge)) or 0


def busy(farm: SmallFarm) -> None:
    """Three projects in three classes, claimed from and settled in part."""
    for place, (project, class_name) in enumerate([("ada", "normal"), ("bob", "bulk"), ("eve", "urgent")]):
        farm.flow(project, class_name, weight=place + 1.0)
        farm.submit(40, project=project, class_name=class_name, batch_key=str(place) * 64, estimate=2.0)
    for turn in range(12):
        claim = farm.claim(capacity=3)
        assert claim
        first, second, third = claim.renders
        settle(farm.engine, [done(first, 5.0 + turn), returned(second), done(third)], farm.now)


def test_folding_changes_nothing_that_a_claim_reads(farm: SmallFarm) -> None:
    busy(farm)
    before = times(farm)
    assert len(before) == 3
    assert fold(farm.engine, LANE, farm.now) > 0
    assert unfolded(farm) == 0
    after = times(farm)
    assert list(after) == list(before)
    for flow, own_and_class in before.items():
        assert after[flow] == pytest.approx(own_and_class)


def test_a_class_that_was_idle_is_moved_to_the_lane_once_by_two_that_saw_it_idle(farm: SmallFarm) -> None:
    bulk, urgent = farm.flow("bob", "bulk"), farm.flow("eve", "urgent")
    farm.submit(1, project="bob", class_name="bulk")
    farm.submit(1, project="eve", class_name="urgent")
    with write(farm.engine) as connection:
        charge(connection, [Entry(LANE, "bulk", bulk, 100.0, class_start=0.0, flow_start=0.0)], farm.now)
        charge(connection, [Entry(LANE, "bulk", bulk, 0.5, class_start=100.0, flow_start=100.0)], farm.now)
        for _ in range(2):  # both read that the lane stood at 100
            charge(connection, [Entry(LANE, "urgent", urgent, 16.0, class_start=100.0, flow_start=0.0)], farm.now)
    assert times(farm)[urgent][1] == pytest.approx(102.0)
    farm.fold()
    assert farm.row(LaneClass, class_name="urgent").virtual_time == pytest.approx(102.0)
    assert times(farm)[urgent][1] == pytest.approx(102.0)


def test_a_flow_that_was_given_back_much_is_found_though_its_row_stands_far_ahead(farm: SmallFarm) -> None:
    for place in range(30):
        farm.submit(1, project=f"p{place}", batch_key=f"{place:02}" * 32)
    far = farm.flow("far")
    _, [id] = farm.submit(1, project="far", batch_key="f" * 64)
    with write(farm.engine) as connection:
        connection.execute(update(Flow).values(virtual_time=100.0))
        connection.execute(update(Flow).where(Flow.id == far).values(virtual_time=5000.0))
        charge(connection, [Entry(LANE, "normal", far, -4950.0)], farm.now)
    claim = farm.claim()
    assert claim
    assert claim.renders[0].id == id


def test_flows_without_charges_are_found_behind_many_that_have_some(farm: SmallFarm) -> None:
    flows = [farm.flow(f"p{place}") for place in range(20)]
    for place in range(20):
        farm.submit(2, project=f"p{place}", batch_key=f"{place:02}" * 32)
    last = farm.flow("last")
    _, [id] = farm.submit(1, project="last", batch_key="f" * 64)
    with write(farm.engine) as connection:
        connection.execute(update(Flow).where(Flow.id == last).values(virtual_time=10.0))
        charge(connection, [Entry(LANE, "normal", flow, 50.0) for flow in flows], farm.now)
    claim = farm.claim()
    assert claim
    assert claim.renders[0].id == id


def test_a_newly_busy_flow_starts_where_its_class_was_served_though_nothing_is_folded(farm: SmallFarm) -> None:
    farm.submit(40, project="ada")
    for _ in range(5):
        farm.claim()
    assert unfolded(farm) == 5
    farm.submit(1, project="bob")
    assert times(farm)[farm.flow("bob")][0] == pytest.approx(32.0)  # the fifth claim was served there


def test_a_flow_that_wakes_is_not_lifted_above_what_it_was_charged_already(farm: SmallFarm) -> None:
    farm.submit(16, project="ada")
    farm.claim()
    farm.claim()
    assert farm.claim() is None  # it is idle, ahead of where its class was served last
    farm.submit(1, project="ada")
    assert times(farm)[farm.flow("ada")][0] == pytest.approx(16.0)


def test_a_charge_that_commits_late_is_not_lost(farm: SmallFarm) -> None:
    flow = farm.flow()
    farm.submit(1)
    row: dict[str, Any] = {"lane": LANE, "class_name": "normal", "flow_id": flow, "at": farm.now}
    with write(farm.engine) as connection:
        connection.execute(insert(Charge), [row | {"id": id, "gpu_seconds": 1.0} for id in range(1000, 1100)])
    assert fold(farm.engine, LANE, farm.now) == 100
    with write(farm.engine) as connection:
        late = [1099 - LATE_IDS + 1, 5]  # close behind, and far
        connection.execute(insert(Charge), [row | {"id": id, "gpu_seconds": 10.0} for id in late])
    assert times(farm)[flow][0] == pytest.approx(110.0)
    assert fold(farm.engine, LANE, farm.now) == 1
    assert fold(farm.engine, LANE, farm.now, late=True) == 1
    assert times(farm)[flow][0] == pytest.approx(120.0)
    assert farm.row(Lane).folded_to == 1099 - LATE_IDS


def test_folding_at_once_with_claims_and_settles_counts_every_second_once(farm: SmallFarm) -> None:
    for project in ("ada", "bob"):
        farm.submit(150, project=project)
    stop, faults = threading.Event(), []

    def fold_on() -> None:
        try:
            while not stop.is_set():
                fold(farm.engine, LANE, farm.now, late=True)
        except BaseException as fault:
            faults.append(fault)

    def work() -> None:
        try:
            while (claim := farm.claim(capacity=2)) is not None:
                settle(farm.engine, [done(render, 3.0) for render in claim.renders], farm.now)
        except BaseException as fault:
            faults.append(fault)

    folders = [threading.Thread(target=fold_on) for _ in range(2)]
    workers = [threading.Thread(target=work) for _ in range(2)]
    for thread in folders + workers:
        thread.start()
    for thread in workers:
        thread.join()
    stop.set()
    for thread in folders:
        thread.join()
    work()
    farm.fold()
    assert faults == []
    assert unfolded(farm) == 0
    assert [flow.virtual_time for flow in farm.rows(Flow)] == [pytest.approx(450.0)] * 2
    assert farm.row(LaneClass).virtual_time == pytest.approx(900.0 / CLASSES["normal"])
    assert Counter(row.renders for row in farm.rows(Usage)) == {150: 2}


def test_what_was_spent_is_added_to_the_usage_of_project_day_and_pool(farm: SmallFarm) -> None:
    with write(farm.engine) as connection:
        connection.execute(update(Pool).values(price_per_hour=3.6, watts=360.0))
    farm.submit(4)
    claim = farm.claim()
    assert claim
    first, second, third, fourth = claim.renders
    settle(farm.engine, [done(first, 100.0), failed(second), returned(third)], 86400.0 * 3 + 10)
    farm.fold()
    settle(farm.engine, [done(fourth, 50.0)], 86400.0 * 3 + 20)
    farm.fold()
    [row] = farm.rows(Usage)
    assert (row.project_id, row.day, row.pool) == (farm.projects["ada"], 3, POOL)
    assert (row.gpu_seconds, row.renders) == (150.0, 2)
    assert (row.money, row.watt_hours) == (pytest.approx(0.15), pytest.approx(15.0))


def test_a_claimer_that_reads_many_charges_folds_them(farm: SmallFarm) -> None:
    flow = farm.flow()
    farm.submit(2)
    most = FOLD_AT[farm.engine.dialect.name]
    with write(farm.engine) as connection:
        charge(connection, [Entry(LANE, "normal", flow, 1.0) for _ in range(most)], farm.now)
    assert farm.claim(capacity=1)
    assert unfolded(farm) == 0


def test_classes_are_a_setting(farm: SmallFarm) -> None:
    shares = {"express": 3.0, "slow": 1.0}
    for name in shares:
        farm.submit(100, project=name, class_name=name, batch_key=name[:1] * 64)
    heads: Counter[str] = Counter()
    for _ in range(40):
        with read(farm.engine) as connection:
            head = read_turns(connection, POOL, shares).turns[0]
        heads[head.flow.class_name] += 1
        with write(farm.engine) as connection:
            charge(connection, [claimed(LANE, head, 1.0, is_head=True)], farm.now)
    assert heads == {"express": 30, "slow": 10}


def test_the_duty_folds_every_lane(connections: Connections, project: str) -> None:
    with write(connections.engine) as connection:
        lanes = sorted(connection.scalars(select(Lane.name)))[:2]
        charge(connection, [Entry(lane, "normal", project, 1.0) for lane in lanes], 1000.0)
    assert fold_charges.one_pass(connections, 1000.0) == 2
    assert fold_charges.one_pass(connections, 1001.0) == 0


def test_a_newcomer_waits_for_nobody_who_was_given_back_what_was_estimated_too_high(farm: SmallFarm) -> None:
    farm.submit(80, project="ada", estimate=10.0)
    held = [farm.claim(capacity=1) for _ in range(4)]  # at once: the fourth was served at 30 s
    settle(farm.engine, [done(render, 0.1) for claim in held if claim for render in claim.renders], farm.now)
    _, [id] = farm.submit(1, project="bob", batch_key="b" * 64)
    claim = farm.claim()
    assert claim
    assert claim.renders[0].id == id


def test_a_newcomer_gains_no_more_than_the_lag_bound_by_one_who_is_held_back(farm: SmallFarm) -> None:
    far = farm.flow("far")
    farm.submit(40, project="far")
    farm.submit(1, project="held back", batch_key="b" * 64)
    with write(farm.engine) as connection:
        charge(connection, [Entry(LANE, "normal", far, 1000.0, class_start=0.0, flow_start=1000.0)], farm.now)
    farm.submit(1, project="new", batch_key="c" * 64)
    assert times(farm)[farm.flow("new")][0] == pytest.approx(1000.0 - LAG_BOUND)
