"""The policy in a model without a database: the functions that claims run, on lists instead of tables.

What is promised, and on which conditions, is in docs/fairness.md; here hypothesis looks for a breach of it.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.fair_share.charge_amounts import claim_cost, settle_cost
from scheduler.fair_share.fair_queueing import (
    CLASSES,
    ClassTime,
    FlowTime,
    Turn,
    backfill,
    class_time,
    flow_charge,
    newcomer_start,
    share_of,
    turns,
)


@dataclass
class Work:
    """One render: what it is estimated at, what it really takes, and whom it may share a batch with."""

    estimate: float
    seconds: float
    key: str = "k"


@dataclass
class ModelFlow:
    name: str
    class_name: str
    weight: float
    virtual_time: float = 0.0
    pending: list[Work] = field(default_factory=list)
    charged: float = 0.0


@dataclass
class Model:
    """A lane. `charges` are rows as the table has them: claims and settles append, and nothing else is written."""

    flows: dict[str, ModelFlow] = field(default_factory=dict)
    charges: list[tuple[str, str, float, float | None, float | None]] = field(default_factory=list)
    running: list[tuple[str, Work]] = field(default_factory=list)

    def submit(self, name: str, works: Sequence[Work], class_name: str = "normal", weight: float = 1.0) -> None:
        flow = self.flows.setdefault(name, ModelFlow(name, class_name, weight))
        if not flow.pending:
            own = self.time(flow)
            start = newcomer_start(own, *self.level(class_name))
            flow.virtual_time += start - own
        flow.pending += works

    def time(self, flow: ModelFlow) -> float:
        return flow.virtual_time + flow_charge(sum(row[2] for row in self.charges if row[0] == flow.name), flow.weight)

    def level(self, class_name: str) -> tuple[float, float | None]:
        served = max((row[4] or 0.0 for row in self.charges if row[1] == class_name), default=0.0)
        busy = [self.time(flow) for flow in self.flows.values() if flow.class_name == class_name and flow.pending]
        return served, min(busy, default=None)

    def order(self) -> list[Turn]:
        classes = [
            ClassTime(
                name,
                class_time(0.0, ((row[2], row[3]) for row in self.charges if row[1] == name), share_of(name)),
                max((row[3] or 0.0 for row in self.charges if row[1] == name), default=0.0),
            )
            for name in {row[1] for row in self.charges}
        ]
        flows = [
            FlowTime(flow.name, flow.class_name, flow.weight, self.time(flow), 0)
            for flow in self.flows.values()
            if flow.pending
        ]
        return turns(flows, classes)

    def claim(self, capacity: int = 1) -> list[str]:
        """The flows of the batch, the head's first."""
        order = self.order()
        if not order:
            return []
        head, key = order[0], self.flows[order[0].flow.id].pending[0].key
        taken: list[tuple[str, Work]] = []
        for turn in [head, *backfill(head, order[1:])]:
            flow = self.flows[turn.flow.id]
            fits = [work for work in flow.pending if work.key == key][: capacity - len(taken)]
            if not fits:
                continue
            chosen = {id(work) for work in fits}
            flow.pending = [work for work in flow.pending if id(work) not in chosen]
            cost = sum(claim_cost(work.estimate) for work in fits)
            starts = (turn.class_start, turn.flow.virtual_time) if turn is head else (None, None)
            self._charge(flow, cost, *starts)
            taken += [(flow.name, work) for work in fits]
        self.running += taken
        return [name for name, _ in taken]

    def settle(self) -> None:
        """Everything that runs is done, and pays what it took."""
        for name, work in self.running:
            self._charge(self.flows[name], settle_cost(work.estimate, work.seconds, keeps_estimate=True))
        self.running = []

    def _charge(
        self, flow: ModelFlow, seconds: float, class_start: float | None = None, flow_start: float | None = None
    ) -> None:
        flow.charged += seconds
        self.charges.append((flow.name, flow.class_name, seconds, class_start, flow_start))


def work(count: int, seconds: float = 1.0, estimate: float | None = None, key: str = "k") -> list[Work]:
    return [Work(seconds if estimate is None else estimate, seconds, key) for _ in range(count)]


seconds = st.floats(0.1, 20.0)


@settings(max_examples=40)
@given(
    weights=st.lists(st.floats(0.5, 8.0), min_size=2, max_size=6),
    costs=st.lists(st.tuples(seconds, seconds), min_size=30, max_size=80),
    capacity=st.integers(1, 4),
)
def test_backlogged_flows_are_charged_by_their_weights_within_one_batch_each(
    weights: list[float], costs: list[tuple[float, float]], capacity: int
) -> None:
    model = Model()
    for place, weight in enumerate(weights):
        works = [Work(estimate, real, key=str(place)) for estimate, real in costs * 4]
        model.submit(f"flow {place}", works, weight=weight)
    for _ in range(len(costs)):
        model.claim(capacity)
        model.settle()
    batch = capacity * max(max(cost) for cost in costs)
    served = [(flow.charged / flow.weight, batch / flow.weight) for flow in model.flows.values()]
    for own, own_batch in served:
        for other, other_batch in served:
            assert own - other <= own_batch + other_batch + 1e-6


@settings(max_examples=25)
@given(costs=st.lists(st.tuples(seconds, seconds), min_size=100, max_size=140))
def test_backlogged_classes_are_charged_by_their_shares_within_one_batch_each(costs: list[tuple[float, float]]) -> None:
    model = Model()
    for name in CLASSES:
        # Estimates that are true: a refund to a class that was served at once again is not carried over.
        model.submit(name, [Work(real, real) for _, real in costs], class_name=name)
    for _ in range(90):
        model.claim()
        model.settle()
    most = max(real for _, real in costs)
    served = [
        (flow.charged / CLASSES[flow.class_name], most / CLASSES[flow.class_name]) for flow in model.flows.values()
    ]
    # What fills another's batch runs ahead by the lag bound at the most; here every batch is one render.
    for own, own_batch in served:
        for other, other_batch in served:
            assert own - other <= own_batch + other_batch + 1e-6


@settings(max_examples=60)
@given(
    old=st.integers(1, 12),
    before=st.lists(st.tuples(seconds, seconds), min_size=1, max_size=40),
    newcomers=st.integers(1, 8),
    capacity=st.integers(1, 4),
    settles=st.booleans(),
)
def test_k_newcomers_are_each_claimed_within_k_and_one_claims_of_their_class(
    old: int, before: list[tuple[float, float]], newcomers: int, capacity: int, settles: bool
) -> None:
    """Whatever was served and refunded before, also with joins. A refund that comes after them, for what was in
    flight as they came, may put one ahead of them that had paid too much: so none comes here.
    """
    model = Model()
    for place in range(old):
        works = [Work(*cost) for cost in before] + work(newcomers * 4 + 8, 3.0)
        model.submit(f"old {place}", works, weight=1.0 + place % 3)
    for _ in range(len(before)):
        model.claim(capacity)
        if settles:
            model.settle()
    names = {f"new {place}" for place in range(newcomers)}
    for name in names:
        model.submit(name, work(1, 2.0, key="n"))
    claimed = {name for _ in range(newcomers + 1) for name in model.claim(capacity)}
    assert names <= claimed


def test_one_newcomer_is_next_among_five_hundred_flows_that_take_turns() -> None:
    flows = [FlowTime(f"flow {place:03}", "normal", 1.0, 5.0, 0) for place in range(500)]
    late = FlowTime("zzz newcomer", "normal", 1.0, newcomer_start(0.0, 5.0, 5.0), 0)
    assert turns([*flows, late], [ClassTime("normal", 625.0, 623.75)])[0].flow is late


def test_a_more_urgent_newcomer_is_next_whatever_lower_classes_were_given() -> None:
    model = Model()
    for place in range(20):
        model.submit(f"bulk {place}", work(30, 10.0), class_name="bulk")
    model.submit("usual", work(30, 10.0))
    for _ in range(40):
        model.claim(4)
    model.submit("urgent", work(1, key="u"), class_name="urgent")
    assert model.claim(4) == ["urgent"]


@given(cost=st.floats(1.0, 10.0), rivals=st.integers(1, 10))
def test_nobody_starves_behind_newcomers_that_never_end(cost: float, rivals: int) -> None:
    """Projects that come, are served and come again: what they were charged goes with them."""
    model = Model()
    model.submit("poor", work(5, cost), weight=0.1, class_name="bulk")
    model.claim()
    for turn in range(2000):
        model.submit(f"rival {turn % rivals}", work(1, cost), class_name=("urgent", "bulk")[turn % 2])
        if "poor" in model.claim():
            return
    raise AssertionError("it starved")


@pytest.mark.parametrize("pause", [3, 10, 30])
def test_nobody_gains_by_pausing(pause: int) -> None:
    model = Model()
    model.submit("steady", work(400))
    model.submit("pausing", work(400))
    for turn in range(240):
        if turn % (2 * pause) == 0:
            model.submit("pausing", work(400))
        elif turn % (2 * pause) == pause:
            model.flows["pausing"].pending = []
        model.claim()
    # Half of what both were given while it was there, and a claim for each return.
    assert model.flows["pausing"].charged <= 60 + 240 / (2 * pause)


def test_nobody_gains_by_splitting_a_job_into_ten_thousand() -> None:
    model = Model()
    model.submit("one", work(10_000, key="a"))
    for _ in range(10_000):
        model.submit("split", work(1, key="b"))
    for _ in range(60):
        model.claim(8)
    assert abs(model.flows["one"].charged - model.flows["split"].charged) <= 8


def test_nobody_gains_by_misstating_what_it_takes() -> None:
    model = Model()
    model.submit("honest", work(400, 4.0, key="a"))
    model.submit("liar", work(400, 4.0, estimate=0.1, key="b"))
    for _ in range(200):
        model.claim()
        model.settle()
    assert abs(model.flows["honest"].charged - model.flows["liar"].charged) <= 8.0


def test_what_fills_other_batches_pays_for_it_and_runs_ahead_by_the_lag_bound_at_the_most() -> None:
    model = Model()
    for place in range(5):
        model.submit(f"few {place}", work(1, 10.0))
    model.submit("many", work(500, 10.0))
    claimed = Counter(model.claim(16))
    assert claimed["many"] == 11  # one batch: what is backfill now is charged, and waits its turn later
    model.submit("other", work(50, 10.0, key="o"))
    assert model.claim(16)[0] == "other"
