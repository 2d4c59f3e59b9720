"""What `farm simulate` is asked: from wishes to a trace, a fleet and policies, and the answer in words and tables."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from rich.console import Console

from farm.catalog import Catalog, PoolEntry, Scaling, load_catalog
from farm.console.output import err, out, print_json
from farm.errors import Fault, InvalidRequest
from farm.settings import Settings, load_settings
from scheduler.simulate.event_queue import Options
from scheduler.simulate.fleet import Faults, Fleet, Speed, VirtualPool
from scheduler.simulate.planning import plan, with_workers
from scheduler.simulate.policies import Policy, policies_named
from scheduler.simulate.results import html_report, tables
from scheduler.simulate.results.lower_bound import Bound, Work, cheapest
from scheduler.simulate.results.result import Result
from scheduler.simulate.run import run
from scheduler.simulate.timing import Kinds
from scheduler.simulate.traces import generate
from scheduler.simulate.traces.trace import Arrival, Trace, read_trace


@dataclass(frozen=True)
class Wishes:
    """The options of the command; see its help."""

    trace: Path | None
    pattern: str
    rate: float
    seconds: float
    renders: int
    model: str
    workers: int
    autoscale: bool
    maximum: int
    target: float
    plan: float | None
    policy: str
    queue_target: int
    max_batch: int | None
    gain: str | None
    slowness: float
    startup: float
    price: float | None
    crashes: float
    preemptions: float
    seed: int
    report: Path | None
    as_json: bool = False


def answer(wishes: Wishes) -> None:
    """Play, print, and write the report.

    Raises:
        FarmError: the wishes or the trace have faults.
    """
    settings = load_settings()
    catalog = load_catalog(settings)
    trace = _trace(wishes)
    fleet = _fleet(wishes, trace, catalog)
    policies = [replace(policy, queue_target=wishes.queue_target) for policy in policies_named(wishes.policy)]
    if not wishes.autoscale and wishes.workers == 0:
        raise InvalidRequest([Fault("--workers", "must be 1 or more without --autoscale; seen 0")])
    console = err() if wishes.as_json else out()
    if wishes.plan is not None:
        results = [_planned(console, policy, wishes, trace, fleet, settings, catalog) for policy in policies]
    else:
        results = [_played(policy, wishes, trace, fleet, settings, catalog) for policy in policies]
    bound = clairvoyant(trace, fleet, catalog, results[0].done_p(95)) if len(fleet.pools) == 1 else None
    if wishes.as_json:
        print_json({"results": [result.values() for result in results], "bound": bound and asdict(bound)})
    else:
        _print(console, results, bound)
    if wishes.report is not None:
        told = f"{results[0].submitted:,} renders of {len(trace):,} jobs; seed {wishes.seed}."
        wishes.report.write_text(html_report.page("Simulation", told, results, bound), encoding="utf-8")
        console.print(f"Report: {wishes.report}")


def clairvoyant(trace: Trace, fleet: Fleet, catalog: Catalog, within: float) -> Bound:
    """The least that a fleet like the first pool of this one could cost for a trace: `simulate.results.lower_bound`."""
    pool, kinds = fleet.pools[0], Kinds(catalog)
    full = pool.entry.max_batch
    share = pool.slowness * pool.speed.pass_factor(full) / full
    work = [Work(arrival.at, arrival.renders * kinds.of(arrival).seconds_alone * share) for arrival in trace]
    price = pool.entry.price_per_hour
    return cheapest(work, within, startup_seconds=pool.startup_seconds, price_per_hour=price)


def _played(policy: Policy, wishes: Wishes, trace: Trace, fleet: Fleet, settings: Settings, catalog: Catalog) -> Result:
    policy = policy.autoscaled() if wishes.autoscale else policy
    return run(trace, fleet, policy, Options(seed=wishes.seed), settings=settings, catalog=catalog)


def _planned(
    console: Console,
    policy: Policy,
    wishes: Wishes,
    trace: Trace,
    fleet: Fleet,
    settings: Settings,
    catalog: Catalog,
) -> Result:
    within = wishes.plan or 0.0
    fixed = replace(policy, scale="fixed")

    def run_with(workers: int) -> Result:
        fleet_now = with_workers(fleet, workers)
        return run(trace, fleet_now, fixed, Options(seed=wishes.seed), settings=settings, catalog=catalog)

    found = plan(run_with, within)
    each = " in each pool" if len(fleet.pools) > 1 else ""
    for workers, result in found.tried:
        mark = "enough" if result.p(95) <= within else "too few"
        console.print(f"{policy.name}: {workers:,} workers: 95 % started within {result.p(95):,.1f} s: {mark}")
    console.print(f"{policy.name}: {found.workers:,} workers{each} are enough for {within:g} s.")
    return replace(found.result, policy=f"{policy.name} with {found.workers:,}")


def _trace(wishes: Wishes) -> list[Arrival]:
    if wishes.trace is not None:
        return read_trace(wishes.trace, model=wishes.model)
    mix = generate.Mix(job=Arrival(0.0, model=wishes.model))
    if wishes.pattern == "diurnal":
        made = generate.diurnal(wishes.rate, seconds=wishes.seconds, mix=mix, seed=wishes.seed)
    elif wishes.pattern == "burst":
        made = generate.bursts(wishes.rate / 10, wishes.rate, seconds=wishes.seconds, mix=mix, seed=wishes.seed)
    else:
        made = generate.poisson(wishes.rate, wishes.seconds, mix=mix, seed=wishes.seed)
    if wishes.pattern == "monster":
        made = generate.merged(made, generate.monster(wishes.renders, job=mix.job))
    if not made:
        raise InvalidRequest([Fault("--rate", "nothing arrives; give a larger --rate or more --hours")])
    return made


def _fleet(wishes: Wishes, trace: Trace, catalog: Catalog) -> Fleet:
    speed = Speed(_gain(wishes.gain)) if wishes.gain else Speed()
    faults = Faults(crashes_per_hour=wishes.crashes, preemptions_per_hour=wishes.preemptions)
    pools = []
    for model in dict.fromkeys(arrival.model for arrival in trace):
        entry = _pool(wishes, model, catalog)
        pools.append(VirtualPool(entry, wishes.workers, speed, wishes.startup, faults, wishes.slowness))
    return Fleet(tuple(pools))


def _pool(wishes: Wishes, model: str, catalog: Catalog) -> PoolEntry:
    """The first pool of the catalog that serves the model, with what was wished."""
    catalog.model(model)
    pools = catalog.pools_of(model)
    entry = pools[0] if pools else PoolEntry(name=f"{model}-simulated", model=model)
    scaling = entry.scaling or Scaling(maximum=wishes.maximum, target_seconds=wishes.target)
    changed: dict[str, object] = {"scaling": scaling}
    if wishes.max_batch is not None:
        changed["max_batch"] = wishes.max_batch
    if wishes.price is not None or not entry.price_per_hour:
        changed["price_per_hour"] = 1.0 if wishes.price is None else wishes.price
    return entry.model_copy(update=changed)


def _gain(text: str) -> dict[int, float]:
    """'1=1,8=3.2' as a batch curve.

    Raises:
        InvalidRequest: it is no such list, or does not begin with one row.
    """
    try:
        points = {int(rows): float(gain) for rows, gain in (pair.split("=") for pair in text.split(","))}
    except ValueError:
        points = {}
    if points.get(1) != 1.0 or any(rows < 1 or not 0 < gain < 1e6 for rows, gain in points.items()):
        raise InvalidRequest([Fault("--gain", f"must be like 1=1,2=1.6,8=3.2, beginning with 1=1; seen {text!r}")])
    return points


def _print(console: Console, results: Sequence[Result], bound: Bound | None) -> None:
    tables.show(console, "Policies", tables.turned(tables.comparison(results)))
    tables.show(console, "Waiting time in seconds", tables.waiting(results))
    if len(rows := tables.faults(results)) > 1:
        tables.show(console, "Faults", tables.turned(rows))
    if bound is not None:
        told = (
            f"whoever has all done within {bound.within:,.0f} s (the p95 of {results[0].policy}) pays {bound.cost:,.2f}"
        )
        console.print(f"Clairvoyant bound: {told} or more.")
    seconds = sum(result.wall_seconds for result in results)
    total = sum(result.submitted for result in results)
    console.print(f"Simulated {total:,} renders in {seconds:,.1f} s.")
