"""Whose turn it is, in a small model of one lane: pure functions, no database."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.fair_share.fair_queueing import (
    CLASSES,
    LAG_BOUND,
    ClassTime,
    FlowTime,
    Turn,
    backfill,
    class_charge,
    flow_charge,
    turns,
)


class Lane:
    """A lane whose flows always have work: serves, charges, and counts GPU-seconds."""

    def __init__(self) -> None:
        self.flows: dict[str, FlowTime] = {}
        self.classes: dict[str, ClassTime] = {}
        self.flow_starts: Counter[str] = Counter()
        self.served: Counter[str] = Counter()

    def join(self, name: str, class_name: str = "normal", weight: float = 1.0) -> None:
        self.flows[name] = FlowTime(name, class_name, weight, self.flow_starts[class_name], 0)

    def serve(self, cost: float) -> str:
        turn = turns(self.flows.values(), self.classes.values())[0]
        flow, known = turn.flow, self.classes.get(turn.flow.class_name, ClassTime(turn.flow.class_name))
        self.classes[flow.class_name] = ClassTime(
            flow.class_name, turn.class_start + class_charge(cost, flow.class_name), max(known.start, turn.class_start)
        )
        self.flow_starts[flow.class_name] = max(self.flow_starts[flow.class_name], flow.virtual_time)
        self.flows[flow.id] = FlowTime(
            flow.id, flow.class_name, flow.weight, flow.virtual_time + flow_charge(cost, flow.weight), 0
        )
        self.served[flow.id] += cost
        return flow.id


@given(
    weights=st.lists(st.floats(0.5, 8.0), min_size=2, max_size=8),
    costs=st.lists(st.floats(0.1, 20.0), min_size=50, max_size=300),
)
def test_backlogged_flows_share_by_weight_within_one_batch_each(weights: list[float], costs: list[float]) -> None:
    lane = Lane()
    for place, weight in enumerate(weights):
        lane.join(f"flow-{place}", weight=weight)
    for cost in costs:
        lane.serve(cost)
    per_weight = [lane.served[f"flow-{place}"] / weight for place, weight in enumerate(weights)]
    # The bound of start-time fair queueing for two flows is the sum of their largest charges.
    assert max(per_weight) - min(per_weight) <= 2 * max(costs) / min(weights) + 1e-6


@given(
    before=st.lists(st.floats(0.1, 50.0), min_size=1, max_size=100),
    flows=st.integers(1, 40),
    newcomers=st.integers(1, 12),
)
def test_k_newcomers_are_each_served_within_k_and_one_turns(before: list[float], flows: int, newcomers: int) -> None:
    lane = Lane()
    for place in range(flows):
        lane.join(f"old-{place:02}")
    for cost in before:
        lane.serve(cost)
    names = {f"new-{place}" for place in range(newcomers)}
    for name in names:
        lane.join(name)
    # Who stands exactly where newcomers start was there before them.
    level = sum(flow.virtual_time <= lane.flow_starts["normal"] for flow in lane.flows.values()) - newcomers
    served = [lane.serve(5.0) for _ in range(newcomers + level + 1)]
    assert names <= set(served)


def test_every_class_gets_its_share_and_bulk_does_not_starve() -> None:
    lane = Lane()
    for name in CLASSES:
        lane.join(name, class_name=name)
    for _ in range(2100):
        lane.serve(1.0)
    for name, share in CLASSES.items():
        assert lane.served[name] == pytest.approx(2100 * share / sum(CLASSES.values()), abs=2)


def test_one_urgent_flow_is_not_outvoted_by_a_hundred_bulk_flows() -> None:
    lane = Lane()
    for place in range(100):
        lane.join(f"bulk-{place}", class_name="bulk")
    for _ in range(50):
        lane.serve(10.0)
    lane.join("urgent", class_name="urgent")
    assert lane.serve(1.0) == "urgent"
    assert Counter(lane.serve(1.0) for _ in range(170))["urgent"] >= 155


def test_a_class_that_was_idle_saved_up_no_turns() -> None:
    lane = Lane()
    lane.join("normal")
    for _ in range(100):
        lane.serve(10.0)
    lane.join("bulk", class_name="bulk")
    served = Counter(lane.serve(1.0) for _ in range(50))
    assert served["normal"] >= 38


def test_backfill_stay_within_the_lag_bound_of_their_turn() -> None:
    head = Turn(FlowTime("head", "normal", 1.0, 100.0, 0), class_start=10.0)
    near = Turn(FlowTime("near", "normal", 1.0, 100.0 + LAG_BOUND, 0), class_start=10.0)
    far = Turn(FlowTime("far", "normal", 1.0, 101.0 + LAG_BOUND, 0), class_start=10.0)
    other_class = Turn(FlowTime("bulk", "bulk", 1.0, 9999.0, 0), class_start=10.0 + LAG_BOUND)
    far_class = Turn(FlowTime("far bulk", "bulk", 1.0, 0.0, 0), class_start=11.0 + LAG_BOUND)
    assert backfill(head, [near, far, other_class, far_class]) == [near, other_class]
