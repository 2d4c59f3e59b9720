"""Who is parked for whom: never for an equal, never for nothing, never more or longer than the settings say."""

import math

import pytest

from farm.ids import new_id
from scheduler.batching.preemption_policy import Limits, Running, Urgent, whom_to_park
from scheduler.claims.claim_batch import Claimer, claim, join
from scheduler.fair_share.fair_queueing import CLASSES
from tests.scheduler.claims.test_claim_batch import farm
from tests.scheduler.farms import POOL, SmallFarm

__all__ = ["farm"]
LIMITS = Limits(max_parked=4, parked_seconds=60.0)
ELSEWHERE = Urgent("urgent", may_join=False)


def park(running: list[Running], urgent: Urgent = ELSEWHERE, parked: int = 0, limits: Limits = LIMITS) -> list[str]:
    return whom_to_park(running, urgent, parked=parked, limits=limits, shares=CLASSES)


def bulk(id: str, passes_left: float = 10.0, parked_seconds: float = 0.0, class_name: str = "bulk") -> Running:
    return Running(id, class_name, passes_left, parked_seconds)


def test_what_is_less_urgent_is_parked_and_what_is_not_goes_on() -> None:
    running = [bulk("a"), bulk("b", class_name="normal"), bulk("c", class_name="urgent")]
    assert set(park(running)) == {"a", "b"}
    assert park(running, Urgent("normal", may_join=False)) == ["a"]
    assert park(running, Urgent("bulk", may_join=False)) == []


def test_a_class_that_the_farm_does_not_know_any_more_is_the_least_urgent() -> None:
    assert park([bulk("a", class_name="forgotten")], Urgent("bulk", may_join=False)) == ["a"]
    assert park([bulk("a")], Urgent("forgotten", may_join=False)) == []


def test_nobody_is_parked_who_ends_with_the_next_pass_and_somebody_who_has_not_begun_is() -> None:
    assert park([bulk("a", 1.0), bulk("b", 0.0)]) == []
    assert park([bulk("a", math.inf)]) == ["a"]


@pytest.mark.parametrize(
    ("shared", "own", "parked"),
    [
        (1.1, 1.0, False),
        (1.49, 1.0, False),
        (4.0, 1.0, True),
        (None, 1.0, False),
        (None, None, False),
        (1.0, None, True),
    ],
)
def test_who_can_join_does_so_unless_shared_passes_are_slow(
    shared: float | None, own: float | None, parked: bool
) -> None:
    urgent = Urgent("urgent", may_join=True, shared_seconds=shared, own_seconds=own)
    assert bool(park([bulk("a")], urgent)) is parked
    # Without a slot beside them it would wait for their end, however quick their passes are.
    full = Urgent("urgent", may_join=False, shared_seconds=shared, own_seconds=own)
    assert park([bulk("a")], full) == ["a"]


def test_no_more_are_parked_than_the_setting_says_those_with_most_before_them_first() -> None:
    running = [bulk(str(left), left) for left in (3.0, 9.0, 5.0, 7.0, 2.0)]
    assert park(running) == ["9.0", "7.0", "5.0", "3.0"]
    assert park(running, parked=3) == ["9.0"]
    assert park(running, parked=9) == []
    assert park(running, limits=Limits(0, 60.0)) == []


def test_who_was_parked_for_long_enough_is_not_parked_again() -> None:
    assert park([bulk("a", parked_seconds=60.0), bulk("b", parked_seconds=59.0)]) == ["b"]


def test_a_claim_and_a_join_can_be_kept_to_some_classes(farm: SmallFarm) -> None:
    _, [bulk_one, _] = farm.submit(2, class_name="bulk")
    _, [urgent, late] = farm.submit(2, project="bob", class_name="urgent")
    claimer = Claimer(POOL, new_id(), 30.0)

    taken = claim(farm.engine, claimer, capacity=1, only={"urgent"}, now=farm.now)
    assert taken
    assert [(one.id, one.class_name) for one in taken.renders] == [(urgent, "urgent")]
    slots = {"batch_id": taken.batch_id, "batch_key": taken.head.batch_key, "slots": 8, "running": 1, "began": farm.now}
    joined = join(farm.engine, claimer, only={"urgent"}, **slots, now=farm.now)
    assert joined
    assert [one.id for one in joined.renders] == [late]

    assert claim(farm.engine, claimer, capacity=8, only={"urgent"}, now=farm.now) is None
    rest = claim(farm.engine, claimer, capacity=8, now=farm.now)
    assert rest
    assert (rest.renders[0].id, rest.renders[0].class_name) == (bulk_one, "bulk")
