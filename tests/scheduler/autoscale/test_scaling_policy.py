"""How many workers a pool should have: what always holds."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from farm.catalog import Scaling
from scheduler.autoscale.daily_budget import DAY
from scheduler.autoscale.idle_timeout import Needs
from scheduler.autoscale.scaling_policy import Decision, Load, Memory, decide

MIDNIGHT = 20_000 * DAY

seconds = st.floats(0, 1e6)
loads = st.builds(
    Load,
    at=st.floats(MIDNIGHT, MIDNIGHT + DAY),
    backlog_gpu_seconds=seconds,
    oldest_wait_seconds=seconds,
    arriving_gpu_seconds_per_second=st.floats(0, 100),
    ready=st.integers(0, 50),
    starting=st.integers(0, 50),
    draining=st.integers(0, 50),
    spent_today=st.floats(0, 200),
    startup_seconds=st.none() | st.floats(0, 600),
    price_per_hour=st.floats(0, 10),
)


@st.composite
def scalings(draw: st.DrawFn) -> Scaling:
    maximum = draw(st.integers(1, 40))
    return Scaling(
        minimum=draw(st.integers(0, maximum)),
        maximum=maximum,
        target_seconds=draw(st.floats(1, 600)),
        startup_seconds=draw(st.floats(0, 600)),
        cooldown_seconds=draw(st.none() | st.floats(0, 600)),
        budget_per_day=draw(st.none() | st.floats(1, 100)),
    )


@given(scaling=scalings(), course=st.lists(loads, min_size=1, max_size=8))
def test_it_stays_within_its_limits_and_its_money_and_says_why(scaling: Scaling, course: list[Load]) -> None:
    memory = Memory()
    for load in sorted(course, key=lambda load: load.at):
        decision, memory = decide(load, scaling, Memory.from_json(memory.to_json()))
        assert 0 <= decision.desired <= scaling.maximum
        assert f"target {scaling.target_seconds:g} s" in decision.reason
        assert "\n" not in decision.reason
        if decision.desired < scaling.minimum:
            assert "budget" in decision.reason


@given(scaling=scalings(), load=loads, more=seconds)
def test_more_work_never_means_fewer_workers(scaling: Scaling, load: Load, more: float) -> None:
    fewer, _ = decide(load, scaling, Memory())
    larger, _ = decide(replace(load, backlog_gpu_seconds=load.backlog_gpu_seconds + more), scaling, Memory())
    assert larger.desired >= fewer.desired


@given(load=loads, scaling=scalings())
def test_what_it_remembers_survives_json(load: Load, scaling: Scaling) -> None:
    _, memory = decide(load, scaling, Memory())
    assert Memory.from_json(memory.to_json()) == memory
    assert Memory.from_json(None) == Memory.from_json({"from": "another version"}) == Memory()


def test_what_0_3_0_remembered_is_read() -> None:
    memory = Memory(needs=Needs(last=((1, 5.0),), idle_intervals={"0": (30.0, 40.0)}))
    old = memory.to_json()
    old["needs"]["spells"] = old["needs"].pop("idle_intervals")
    assert Memory.from_json(old) == memory


def test_the_reason_is_one_line_in_the_words_of_the_farm() -> None:
    load = Load(at=MIDNIGHT, backlog_gpu_seconds=952, ready=3, startup_seconds=90)
    decision, _ = decide(load, Scaling(maximum=16, target_seconds=60), Memory())
    assert decision == Decision(5, "3 → 5: 952 GPU-s waiting, target 60 s, start-up 90 s", 5)
