"""Batches whose size follows the head's shape, what may join them while they run, and what is more urgent."""

from typing import Any

import pytest
from sqlalchemy import update

from farm.database import write
from farm.ids import new_id
from farm.tables import Attempt, Flow, Project
from scheduler.batching.sealed_batches import SEALED
from scheduler.claims.claim_batch import Claim, Claimer, Head, claim, join, waiting
from scheduler.claims.join_running_batch import QUANTUM, who_joins
from scheduler.claims.scan_cursor import ScanCursor
from scheduler.fair_share.fair_queueing import ClassTime, FlowTime, turns
from scheduler.leases.settle import settle
from tests.scheduler.claims.test_claim_batch import farm
from tests.scheduler.farms import KEY, LANE, POOL, SmallFarm, done

__all__ = ["farm"]


def claim_by(farm: SmallFarm, capacity: Any, scan_cursor: ScanCursor | None = None) -> Claim | None:
    return claim(
        farm.engine,
        Claimer(POOL, new_id(), 30.0, scan_cursor=scan_cursor or ScanCursor()),
        capacity=capacity,
        now=farm.now,
    )


def join_by(farm: SmallFarm, running: Claim, slots: int = 8, **changes: Any) -> list[str]:
    """The ids of the renders that join."""
    values: dict[str, Any] = {
        "batch_id": running.batch_id, "batch_key": running.head.batch_key,
        "slots": slots, "running": len(running.renders), "began": farm.now, "now": farm.now,
    }  # fmt: skip
    joined = join(farm.engine, Claimer(POOL, new_id(), 30.0), **(values | changes))
    return [render.id for render in joined.renders] if joined else []


def running_batch(farm: SmallFarm, **columns: Any) -> Claim:
    """A batch of one render that is running, and nothing else."""
    farm.submit(1, project="runner", **columns)
    batch = farm.claim()
    assert batch
    return batch


def test_the_shape_of_the_head_says_how_many_are_taken(farm: SmallFarm) -> None:
    farm.submit(9, width=512, batch_key="a" * 64)
    farm.submit(9, project="bob", width=1024, batch_key="b" * 64)
    asked: list[Head] = []

    def by_shape(head: Head) -> int:
        asked.append(head)
        return 6 if head.width == 512 else 2

    claims = [claim_by(farm, by_shape), claim_by(farm, by_shape)]
    sizes = {claimed.head.width: len(claimed.renders) for claimed in claims if claimed}
    assert sizes == {512: 6, 1024: 2}
    assert (asked[0].lane, asked[0].class_name, asked[0].batch_limit, asked[0].waited) == (LANE, "normal", None, 0.0)


def test_slots_beside_the_head_are_filled_in_its_flow_and_then_in_others(farm: SmallFarm) -> None:
    _, ids = farm.submit(2)
    _, others = farm.submit(5, project="bob")
    claimed = claim_by(farm, lambda head: 4)
    assert claimed
    assert {render.id for render in claimed.renders} == {*ids, *others[:2]}
    assert {attempt.batch_size for attempt in farm.rows(Attempt)} == {4}


def test_a_render_that_opted_out_is_alone_whatever_the_curve_says(farm: SmallFarm) -> None:
    _, [id] = farm.submit(1, batch_limit=1)
    farm.submit(3)
    claimed = claim_by(farm, lambda head: 8)
    assert claimed
    assert [render.id for render in claimed.renders] == [id]
    assert claimed.head.batch_limit == 1


def test_all_that_waits_may_be_taken_at_once_when_nobody_else_competes(farm: SmallFarm) -> None:
    def all_of_them(head: Head) -> int:
        return head.waiting or 1

    farm.submit(3)
    first = claim_by(farm, all_of_them)
    assert first
    assert len(first.renders) == 3
    farm.submit(3)
    farm.submit(1, project="bob", batch_key="b" * 64)
    second = claim_by(farm, all_of_them)
    assert second
    assert len(second.renders) == 1


def test_a_head_of_another_shape_than_the_last_gets_its_own_capacity(farm: SmallFarm) -> None:
    for width, key in ((512, "a"), (1024, "b"), (512, "a"), (1024, "b")):
        farm.submit(4, width=width, batch_key=key * 64, rank=0)
    scan_cursor, sizes = ScanCursor(), list[tuple[int, int]]()
    while claimed := claim_by(farm, lambda head: 3 if head.width == 512 else 2, scan_cursor):
        assert {render.width for render in claimed.renders} == {claimed.head.width}
        sizes.append((claimed.head.width, len(claimed.renders)))
    assert all(size <= (3 if width == 512 else 2) for width, size in sizes)
    assert sum(size for _, size in sizes) == 16


def test_with_a_scan_cursor_and_a_capacity_by_shape_every_render_is_taken_once(farm: SmallFarm) -> None:
    for project in ("ada", "bob"):
        for key in "ab":
            farm.submit(15, project=project, batch_key=key * 64)
    scan_cursor, taken = ScanCursor(life=1e9), list[str]()
    while claimed := claim_by(farm, lambda head: 4, scan_cursor):
        taken += [render.id for render in claimed.renders]
    assert len(taken) == len(set(taken)) == 60


def test_a_project_starts_no_more_than_it_may_and_others_fill_the_batch(farm: SmallFarm) -> None:
    farm.submit(9, project="ada")
    farm.submit(9, project="bob")
    with write(farm.engine) as connection:
        connection.execute(update(Project).where(Project.id == farm.projects["ada"]).values(max_running=2))
    sizes: dict[str, int] = dict.fromkeys(farm.projects.values(), 0)
    while claimed := claim_by(farm, lambda head: 4):
        for render in claimed.renders:
            sizes[render.project_id] += 1
    assert sizes == {farm.projects["ada"]: 2, farm.projects["bob"]: 9}
    assert claim_by(farm, 4) is None
    assert farm.row(Flow, id=farm.flow("ada")).backlogged, "it waits for its own renders to end, not for a ring"


def test_renders_of_the_same_key_join_a_running_batch_and_are_charged_to_their_own(farm: SmallFarm) -> None:
    batch = running_batch(farm)
    _, ids = farm.submit(3, project="bob", estimate=5.0)
    assert join_by(farm, batch, slots=2) == ids[:2]
    attempts = {row.render_id: (row.batch_id, row.batch_size) for row in farm.rows(Attempt)}
    assert attempts[ids[0]] == attempts[ids[1]] == (batch.batch_id, 3)
    assert join_by(farm, batch) == ids[2:]
    assert join_by(farm, batch) == []


def test_other_keys_and_renders_that_opted_out_do_not_join(farm: SmallFarm) -> None:
    batch = running_batch(farm)
    farm.submit(2, project="bob", batch_key="b" * 64)
    farm.submit(2, project="eve", batch_limit=1)
    farm.submit(2, project="joe", batch_limit=4)
    assert join_by(farm, batch) == []
    assert join_by(farm, batch, slots=0) == []


def test_joining_goes_on_for_a_quantum_before_a_head_of_another_key_and_then_stops(farm: SmallFarm) -> None:
    # Given a running batch, a head of another key that was there before it, and some that could join,
    farm.submit(1, project="bob", batch_key="b" * 64)
    batch = running_batch(farm, class_name="urgent")
    began = farm.now
    _, ids = farm.submit(4, project="eve")
    # when the head has not waited a quantum since the batch began, one joins;
    farm.now = began + QUANTUM * 0.9
    assert join_by(farm, batch, slots=1, began=began) == ids[:1]
    # when it has, nobody does, however many slots there are,
    farm.now = began + QUANTUM
    assert join_by(farm, batch, began=began) == []
    # and the next claim is that head's.
    claimed = farm.claim()
    assert claimed
    assert claimed.renders[0].project_id == farm.projects["bob"]


def test_a_flow_that_is_far_ahead_of_its_turn_does_not_join_before_another_head(farm: SmallFarm) -> None:
    farm.submit(20, project="bob", estimate=100.0)
    first = farm.claim(capacity=8)
    assert first  # bob is 800 GPU-seconds ahead
    farm.submit(1, project="eve", batch_key="e" * 64)
    assert join_by(farm, first) == []


def test_joining_never_takes_what_is_paused(farm: SmallFarm) -> None:
    batch = running_batch(farm)
    farm.submit(2, project="bob")
    with write(farm.engine) as connection:
        connection.execute(update(Flow).where(Flow.id == farm.flow("bob")).values(paused_at=farm.now))
    assert join_by(farm, batch) == []


def test_joins_and_claims_together_take_every_render_once_and_end_settled(farm: SmallFarm) -> None:
    batch = running_batch(farm)
    farm.submit(10, project="bob")
    joined = join_by(farm, batch, slots=4)
    claimed = farm.claim()
    assert claimed
    assert not {render.id for render in claimed.renders} & set(joined)
    settled = settle(farm.engine, [done(render) for render in claimed.renders], farm.now)
    assert len(settled.accepted) == 6


def ask(farm: SmallFarm, class_name: str) -> tuple[str, str] | None:
    found = waiting(farm.engine, Claimer(POOL, new_id(), 30.0), class_name=class_name, now=farm.now)
    return (found.class_name, found.batch_key) if found else None


def test_a_more_urgent_class_is_seen_when_it_is_its_turn(farm: SmallFarm) -> None:
    farm.submit(20, class_name="bulk")
    farm.claim()
    assert ask(farm, "bulk") is None
    farm.submit(1, project="bob", class_name="urgent", batch_key="b" * 64)
    assert ask(farm, "bulk") == ("urgent", "b" * 64)
    assert ask(farm, "normal") == ("urgent", "b" * 64)
    assert ask(farm, "urgent") is None


def test_a_class_that_had_its_share_is_not_more_urgent(farm: SmallFarm) -> None:
    farm.submit(20, class_name="bulk")
    farm.submit(50, project="bob", class_name="urgent", estimate=1000.0)
    urgent = farm.claim(capacity=8)
    assert urgent
    assert urgent.head.class_name == "urgent"
    assert ask(farm, "bulk") is None


@pytest.mark.parametrize(("its_turn", "waited", "joiners"), [(True, 99.0, 3), (False, 1.9, 3), (False, 2.0, 0)])
def test_who_joins(its_turn: bool, waited: float, joiners: int) -> None:
    flows = [
        FlowTime(name, "normal", 1.0, time, 0) for name, time in (("a", 0.0), ("b", 10.0), ("c", 60.0), ("d", 61.0))
    ]
    first, *others = turns(flows, [ClassTime("normal")])
    found = who_joins(first, others, its_turn=its_turn, waited=waited, quantum=2.0)
    assert [turn.flow.id for turn in found] == ["a", "b", "c"][:joiners]


def test_the_key_of_the_running_batch_is_that_of_its_head(farm: SmallFarm) -> None:
    assert running_batch(farm).head.batch_key == KEY


def test_a_sealed_batch_is_filled_by_its_own_flow_and_joined_by_nobody(farm: SmallFarm) -> None:
    _, ids = farm.submit(3, batch_limit=SEALED)
    farm.submit(2, project="bob", batch_limit=SEALED)
    batch = claim_by(farm, 8)
    assert batch
    assert [render.id for render in batch.renders] == ids
    farm.submit(1, batch_limit=SEALED)
    assert join_by(farm, batch) == []


def test_less_urgent_work_does_not_join_with_what_it_would_slow_down(farm: SmallFarm) -> None:
    batch = running_batch(farm)
    _, others = farm.submit(2, project="bob")
    _, urgent = farm.submit(2, class_name="urgent")
    assert join_by(farm, batch, slowed=True) == urgent
    assert join_by(farm, batch, slowed=True) == others
