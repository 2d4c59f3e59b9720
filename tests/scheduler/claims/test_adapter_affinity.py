"""Work whose adapters are loaded goes first, for a while, and nobody waits for long because of it."""

from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from farm.ids import new_id
from scheduler.claims.adapter_affinity import MAX_QUEUE_DELAY, LoadedAdapters, wanted
from scheduler.claims.claim_batch import Claim, ClaimedRender, Claimer, Head, claim
from scheduler.fair_share.fold_charges import fold
from tests.scheduler.claims.test_claim_batch import farm
from tests.scheduler.farms import LANE, POOL, SmallFarm

__all__ = ["farm"]


def using(*names: str) -> dict[str, Any]:
    """Columns of renders with these adapters; those of equal adapters share passes."""
    loras = [{"name": name, "weight": 1.0, "sha256": name * 64} for name in names]
    return {"batch_key": ("".join(names) or "-").ljust(64, "."), "parameters": {"prompt": "a circle", "loras": loras}}


class Worker:
    """Claims as a worker does, two renders at a time, and tells what it was given."""

    def __init__(self, farm: SmallFarm, most: int = 1) -> None:
        self._farm, self._claimer = farm, Claimer(POOL, new_id(), 1e6)
        self.adapters = LoadedAdapters(most)

    def claim(self, slots: int = 2) -> Claim | None:
        found = claim(
            self._farm.engine,
            self._claimer,
            capacity=lambda head: slots,
            now=self._farm.now,
            loaded=self.adapters.at_hand(self._farm.now),
        )
        if found is not None:
            self.adapters.claimed(found, self._farm.now)
        return found

    def given(self, claims: int) -> str:
        """The adapters of so many batches, in their order."""
        return "".join(min(name[0] for name in wanted(found.renders[0].parameters)) for found in self._times(claims))

    def _times(self, count: int) -> list[Claim]:
        found = [self.claim() for _ in range(count)]
        assert all(found)
        return [each for each in found if each]


def test_a_job_that_mixes_adapters_is_rendered_adapter_by_adapter(farm: SmallFarm) -> None:
    for _ in range(4):
        for name in "ab":
            farm.submit(1, **using(name))
    assert Worker(farm).given(4) == "aabb"


def test_what_needs_nothing_that_is_not_loaded_keeps_its_turn(farm: SmallFarm) -> None:
    worker = Worker(farm, most=2)
    farm.submit(1, **using("a", "b"))
    first = worker.claim()
    farm.submit(1, **using("b"))
    _, [plain] = farm.submit(1, **using())
    farm.submit(9, **using("a", "b"))
    second, third = worker.claim(), worker.claim()
    assert first
    assert second
    assert third
    assert second.renders[0].batch_key.startswith("b.")
    assert [render.id for render in third.renders] == [plain]
    assert second.passed_by is third.passed_by is None


def test_a_head_is_passed_by_for_no_longer_than_the_max_queue_delay(farm: SmallFarm) -> None:
    worker = Worker(farm)
    farm.submit(1, **using("a"))
    assert worker.given(1) == "a"
    _, [other] = farm.submit(1, **using("b"))
    farm.submit(20, **using("a"))
    passed_by = worker.claim()
    assert passed_by
    assert passed_by.passed_by == other
    farm.now += MAX_QUEUE_DELAY - 1
    assert worker.given(1) == "a"
    farm.now += 1
    assert worker.given(1) == "b"
    assert worker.given(1) == "a", "its turn, and b is nobody's any more"


def test_nobody_is_passed_by_for_a_batch_that_takes_longer_than_a_loading(farm: SmallFarm) -> None:
    worker = Worker(farm)
    farm.submit(1, **using("a"), estimate=MAX_QUEUE_DELAY + 1)
    assert worker.given(1) == "a"
    farm.submit(1, **using("b"))
    farm.submit(2, **using("a"), estimate=MAX_QUEUE_DELAY + 1)
    assert worker.given(2) == "ba"


def test_another_project_goes_first_only_within_the_lag_bound_and_pays_for_itself(farm: SmallFarm) -> None:
    worker = Worker(farm)
    farm.submit(1, project="ada", **using("a"))
    assert worker.given(1) == "a"
    farm.submit(200, project="ada", **using("b"), estimate=4.0)
    farm.submit(200, project="bob", **using("a"), estimate=4.0)
    projects = []
    for _ in range(40):
        found = worker.claim()
        assert found
        projects += [render.project_id for render in found.renders]
        fold(farm.engine, LANE, farm.now)
    shares = [projects.count(farm.projects[name]) / len(projects) for name in ("ada", "bob")]
    assert min(shares) > 0.35, "the shares hold though the clock stands still"


def test_nobody_passes_by_somebody_more_urgent(farm: SmallFarm) -> None:
    worker = Worker(farm)
    farm.submit(1, **using("a"))
    assert worker.given(1) == "a"
    farm.submit(2, **using("a"))
    farm.submit(2, class_name="urgent", **using("b"))
    assert worker.given(2) == "ba"


def test_a_worker_without_adapters_claims_as_ever(farm: SmallFarm) -> None:
    worker = Worker(farm)
    _, ids = farm.submit(2, **using())
    farm.submit(2, **using("a"))
    found = worker.claim()
    assert found
    assert [render.id for render in found.renders] == ids
    assert worker.adapters.at_hand(farm.now) is None


def test_a_new_engine_has_nothing_loaded(farm: SmallFarm) -> None:
    worker = Worker(farm)
    farm.submit(1, **using("a"))
    assert worker.given(1) == "a"
    farm.submit(2, **using("b"))
    farm.submit(2, **using("a"))
    worker.adapters.forget()
    assert worker.given(2) == "ba"


@given(
    st.lists(st.sets(st.sampled_from("abcdef"), min_size=1, max_size=3), min_size=1, max_size=20),
    st.integers(1, 4),
)
def test_it_counts_on_no_more_adapters_than_stay_loaded(used: Sequence[set[str]], most: int) -> None:
    adapters = LoadedAdapters(most)
    for names in used:
        adapters.claimed(claim_of(**using(*sorted(names))), now=0.0)
    at_hand = adapters.at_hand(0.0)
    assert at_hand
    assert len(at_hand.adapters) <= max(most, len(used[-1]))
    assert at_hand.batch_keys[0] == using(*sorted(used[-1]))["batch_key"]


def claim_of(batch_key: str, parameters: dict[str, Any]) -> Claim:
    """A batch of one such render."""
    render = ClaimedRender("r", "j", "p", 0, 1, LANE, batch_key, 64, 64, 1, parameters, 1.0, 0)
    head = Head("r", LANE, "f", "normal", batch_key, 64, 64, 1, None, 0.0)
    return Claim("b", [render], head)


def test_every_render_is_claimed_once_whatever_is_preferred(farm: SmallFarm) -> None:
    for number in range(24):
        farm.submit(2, project="ada" if number % 3 else "bob", **using("abc"[number % 3]))
    worker, seen = Worker(farm), list[str]()
    while found := worker.claim(3):
        seen += [render.id for render in found.renders]
        farm.now += 1.0
    assert len(seen) == len(set(seen)) == 48
