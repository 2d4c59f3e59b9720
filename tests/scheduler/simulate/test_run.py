"""The simulator: the scheduler under a virtual clock. Same seed, same result; nothing lost, nothing doubled."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from farm.catalog import Catalog, Scaling, load_catalog
from farm.errors import InvalidRequest
from farm.settings import Settings
from scheduler.simulate.event_queue import Options
from scheduler.simulate.fleet import Faults, Fleet, one_pool
from scheduler.simulate.ledger import JobLedger, Ledger, LostOrDoubled
from scheduler.simulate.planning import plan
from scheduler.simulate.policies import FIFO, FIFO_BATCHES, OURS, PRIORITY, QUEUE_LENGTH, Policy
from scheduler.simulate.results.result import Result
from scheduler.simulate.run import run
from scheduler.simulate.scenario import clairvoyant
from scheduler.simulate.traces import generate
from scheduler.simulate.traces.trace import Arrival, read_trace, write_trace

MODEL = "sana-demo"


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog(Settings())


def small_trace(seed: int = 0) -> list[Arrival]:
    return generate.merged(generate.poisson(1.0, 60.0, seed=seed), generate.monster(60, at=10.0))


def facts(result: Result) -> tuple[object, ...]:
    waits = {name: values.tolist() for name, values in result.started_after.items()}
    return result.seconds, result.cost, result.claims, result.jain, result.void, waits


class TestRun:
    def test_the_same_seed_gives_the_same_result(self, catalog: Catalog) -> None:
        faults = Faults(crashes_per_hour=60, stalls_per_hour=60, preemptions_per_hour=30)
        fleet = one_pool(MODEL, 3, slowness=20, faults=faults, startup_seconds=5)
        first, second = (run(small_trace(), fleet, options=Options(seed=7), catalog=catalog) for _ in range(2))
        assert facts(first) == facts(second)

    def test_every_render_of_the_trace_is_done(self, catalog: Catalog) -> None:
        trace = small_trace()
        result = run(trace, one_pool(MODEL, 2), catalog=catalog)
        assert result.done == result.submitted == sum(arrival.renders for arrival in trace)
        assert (result.lost, result.doubled, result.failed) == (0, 0, 0)

    def test_a_zombie_that_settles_after_its_lease_ran_out_is_refused(self, catalog: Catalog) -> None:
        fleet = one_pool(MODEL, 4, slowness=60, faults=Faults(stalls_per_hour=120), startup_seconds=1)
        result = run(small_trace(), fleet, catalog=catalog)
        assert result.stalls > 0
        assert result.void > 0
        assert result.done == result.submitted

    @given(
        seed=st.integers(0, 1000),
        crashes=st.sampled_from([0, 60]),  # an hour, of each worker
        stalls=st.sampled_from([0, 60]),
        preemptions=st.sampled_from([0, 60]),
        failed=st.sampled_from([0.0, 0.2]),
        policy=st.sampled_from([OURS, FIFO, FIFO_BATCHES, PRIORITY]),
    )
    @settings(max_examples=4, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    def test_nothing_is_lost_or_doubled_under_faults(
        self, catalog: Catalog, seed: int, crashes: int, stalls: int, preemptions: int, failed: float, policy: Policy
    ) -> None:
        faults = Faults(crashes, stalls, preemptions, notice_seconds=2, failed_share=failed)
        trace = generate.poisson(0.5, 40.0, seed=seed)
        fleet = one_pool(MODEL, 3, slowness=10, faults=faults, startup_seconds=3)
        result = run(trace, fleet, policy, Options(seed=seed), catalog=catalog)
        # A render that is lost with one worker after the other is suspected in the end, and fails.
        assert result.done + result.failed == result.submitted
        assert (result.lost, result.doubled) == (0, 0)
        assert failed or crashes or stalls or preemptions or not result.failed

    def test_several_pools_serve_several_models(self, catalog: Catalog) -> None:
        trace = [Arrival(0.0, renders=5), Arrival(1.0, model="sprint-demo", renders=5)]
        fleet = Fleet(one_pool(MODEL, 1).pools + one_pool("sprint-demo", 1).pools)
        assert run(trace, fleet, catalog=catalog).done == 10


class TestPolicies:
    def test_an_urgent_render_does_not_wait_behind_a_monster_as_it_does_with_fifo(self, catalog: Catalog) -> None:
        trace = generate.merged(generate.monster(200), [Arrival(5.0, "ada", "urgent")])
        fleet = one_pool(MODEL, 1, slowness=10)
        ours, fifo = (run(trace, fleet, policy, catalog=catalog) for policy in (OURS, FIFO_BATCHES))
        assert ours.p(95, "urgent") < 10 < fifo.p(95, "urgent")
        assert ours.claims == pytest.approx(fifo.claims, abs=1)

    def test_priority_queues_let_an_urgent_render_pass_and_a_second_user_wait(self, catalog: Catalog) -> None:
        trace = generate.merged(
            generate.monster(200, class_name="normal"),
            [Arrival(5.0, "ada", "urgent"), Arrival(5.0, "eve", "normal", renders=20)],
        )
        fleet = one_pool(MODEL, 1, slowness=10)
        ours, queues = (run(trace, fleet, policy, catalog=catalog) for policy in (OURS, PRIORITY))
        assert queues.p(95, "urgent") < 10
        assert ours.p(95, "urgent") < 10
        assert ours.jain > queues.jain

    def test_one_by_one_takes_longer_than_batches(self, catalog: Catalog) -> None:
        trace, fleet = generate.monster(64), one_pool(MODEL, 1)
        one, batches = (run(trace, fleet, policy, catalog=catalog) for policy in (FIFO, FIFO_BATCHES))
        assert one.seconds == pytest.approx(3.2 * batches.seconds)

    def test_shares_follow_weights_while_all_are_backlogged(self, catalog: Catalog) -> None:
        projects = {f"p{weight}": float(weight) for weight in (1, 2, 4)}
        trace = [Arrival(0.0, name, renders=int(240 * weight)) for name, weight in projects.items()]
        result = run(trace, one_pool(MODEL, 2), options=Options(weights=projects), catalog=catalog)
        assert result.jain > 0.98

    @pytest.mark.parametrize("policy", [OURS.autoscaled(), QUEUE_LENGTH], ids=lambda policy: policy.name)
    def test_no_policy_costs_less_than_the_clairvoyant(self, catalog: Catalog, policy: Policy) -> None:
        trace = generate.bursts(0.2, 2.0, every=600, length=120, seconds=1200, seed=3)
        fleet = one_pool(MODEL, 0, slowness=40, startup_seconds=30, scaling=Scaling(maximum=20))
        result = run(trace, fleet, policy, catalog=catalog)
        within = max(float(values.max()) for values in result.done_after.values() if len(values))
        assert clairvoyant(trace, fleet, catalog, within).cost <= result.cost


class TestPlan:
    def test_the_fewest_workers_that_keep_the_promise(self, catalog: Catalog) -> None:
        trace = generate.poisson(2.0, 60.0)

        def play(workers: int) -> Result:
            return run(trace, one_pool(MODEL, workers, slowness=20), catalog=catalog)

        found = plan(play, 10.0)
        assert found.result.p(95) <= 10.0 < play(found.workers - 1).p(95)

    def test_says_when_no_number_is_enough(self, catalog: Catalog) -> None:
        trace = generate.poisson(1.0, 20.0)
        with pytest.raises(InvalidRequest, match="not enough"):
            plan(lambda workers: run(trace, one_pool(MODEL, workers, slowness=50), catalog=catalog), 0.0, most=2)


class TestTrace:
    @pytest.mark.parametrize("name", ["trace.csv", "trace.jsonl"])
    def test_what_is_written_is_read_again(self, tmp_path: Path, name: str) -> None:
        trace = [Arrival(1.5, "ada", "urgent", MODEL, 3, 128, 160, None, 10), Arrival(2.0)]
        write_trace(tmp_path / name, trace)
        assert read_trace(tmp_path / name) == trace

    def test_every_fault_has_its_line(self, tmp_path: Path) -> None:
        path = tmp_path / "trace.csv"
        path.write_text("at,project,renders,clas\n-1,ada,1,x\n0,ben,0,y\n", encoding="utf-8")
        with pytest.raises(InvalidRequest) as refused:
            read_trace(path)
        assert [fault.field for fault in refused.value.faults] == ["line 2", "line 2", "line 3", "line 3"]

    def test_generators_keep_their_rate_and_their_seed(self) -> None:
        made = generate.diurnal(1.0, seconds=20_000, seed=1)
        assert made == generate.diurnal(1.0, seconds=20_000, seed=1)
        assert made != generate.diurnal(1.0, seconds=20_000, seed=2)
        flat = sum(arrival.renders for arrival in generate.poisson(5.0, 2_000))
        assert flat == pytest.approx(10_000, rel=0.1)


class TestLedger:
    def test_a_render_that_ends_twice_is_refused(self) -> None:
        ledger = Ledger()
        ledger.admit("job", JobLedger(Arrival(0.0), 1.0, bytearray(1)))
        ledger.end("job", 0, started_at=0, now=1, failed=False)
        with pytest.raises(LostOrDoubled, match="twice"):
            ledger.end("job", 0, started_at=0, now=2, failed=False)

    def test_a_render_that_never_ends_is_refused(self) -> None:
        ledger = Ledger()
        ledger.admit("job", JobLedger(Arrival(0.0), 1.0, bytearray(2)))
        ledger.end("job", 1, started_at=0, now=1, failed=False)
        with pytest.raises(LostOrDoubled, match="never ended"):
            ledger.check({"job": ("open", 1, 0)}, left=1)
