"""What is charged at a claim and at the end of an attempt, in GPU-seconds."""

import pytest

from scheduler.fair_share.charge_amounts import Adjustment, claim_cost, claim_costs, settle_cost


@pytest.mark.parametrize(
    ("estimate", "seconds", "keeps", "owed"),
    [
        (2.0, 5.0, True, 3.0),
        (2.0, 0.5, True, -1.5),
        (2.0, None, True, 0.0),
        (2.0, None, False, -2.0),
        (2.0, -1.0, True, -2.0),
    ],
)
def test_a_settle_puts_the_real_seconds_in_the_place_of_the_estimate(
    estimate: float, seconds: float | None, keeps: bool, owed: float
) -> None:
    assert settle_cost(estimate, seconds, keeps_estimate=keeps) == pytest.approx(owed)


def test_nothing_is_free() -> None:
    assert claim_cost(0.0) > 0.0


def test_a_claim_charges_each_flow_for_its_own_renders() -> None:
    assert claim_costs([("ada", 2.0), ("bob", 5.0), ("ada", 0.0)]) == {"ada": 2.0 + claim_cost(0.0), "bob": 5.0}


def test_the_true_ups_of_a_flow_add_up_and_what_was_spent_is_counted_whatever_was_estimated() -> None:
    adjustment = Adjustment()
    adjustment.add(2.0, 5.0, keeps_estimate=True, ended=True)
    adjustment.add(2.0, None, keeps_estimate=True)
    adjustment.add(4.0, None)
    adjustment.add(1.0, -9.0)
    assert adjustment == Adjustment(gpu_seconds=3.0 - 4.0 - 1.0, spent=5.0, renders=1)
