"""What autoscaling costs: ours beside the clairvoyant bound and queue-length scaling, at the same p95 waiting time.

One pool of pictures in batches of up to eight, priced by the hour, 90 s of start-up, on two traces: a day (diurnal),
and six hours of bursts. Ours is played first; the bound has all done within what 95 % of our renders took from their
submission to their end; queue-length scaling gets the largest target (the cheapest one) with which its p95 waiting
time is no longer than ours. `make bench NAME=autoscale`; `--quick` plays two hours of each.
"""

import argparse
from collections.abc import Callable
from dataclasses import replace

from farm.catalog import Catalog, Scaling, load_catalog
from farm.settings import Settings
from scheduler.simulate import OURS, QUEUE_LENGTH, Arrival, Fleet, Result, Trace, generate, one_pool, run
from scheduler.simulate.asking import clairvoyant
from tests.benchmarks.report import Report

MODEL = "sana-1600m-1024px"
#: No bulk: that waits by its nature, and 5 % of it would be all that the p95 of a day speaks of.
MIX = generate.Mix(classes=(("urgent", 1.0), ("normal", 9.0)), job=Arrival(0.0, model=MODEL))
#: The seed of the catalog, times so much: a render alone takes 24 s, and 7.5 s in a full batch.
LARGER = 24.0
STARTUP_SECONDS = 90.0
PRICE = 2.0
SCALING = Scaling(minimum=0, maximum=64, startup_seconds=STARTUP_SECONDS, target_seconds=60)
#: Queue-length scaling is tried with targets of one to so many waiting renders for each worker.
MOST_TARGET = 256


def main() -> None:
    """Play both traces, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    hours = 2.0 if options.quick else 24.0
    configuration = {
        "model": MODEL,
        "larger": LARGER,
        "startup_seconds": STARTUP_SECONDS,
        "price_per_hour": PRICE,
        "scaling": SCALING.model_dump(mode="json"),
        "seed": options.seed,
        "quick": options.quick,
    }
    report = Report("autoscale", configuration)
    day = generate.diurnal(1.2, seconds=hours * 3600, mix=MIX, seed=options.seed)
    if options.quick:
        day = generate.diurnal(1.2, trough=0.8, seconds=hours * 3600, mix=MIX, seed=options.seed)
    _compare(report, "diurnal", day, limit=1.2)
    bursts = generate.bursts(0.12, 1.2, seconds=min(hours, 6.0) * 3600, mix=MIX, seed=options.seed)
    _compare(report, "bursts", bursts, limit=1.5)
    report.write()


def _compare(report: Report, name: str, trace: Trace, limit: float) -> None:
    catalog, fleet = _catalog(), _fleet()
    ours = run(trace, fleet, OURS.autoscaled(), catalog=catalog)
    bound = clairvoyant(trace, fleet, catalog, ours.done_p(95))
    report.measure(f"{name}: renders", ours.submitted)
    _tell(report, f"{name}: ours", ours)
    report.measure(f"{name}: bound within (s)", bound.within)
    report.measure(f"{name}: bound cost", bound.cost)
    queue, target = _cheapest(lambda target: _queue(trace, fleet, catalog, target), ours.p(95))
    report.measure(f"{name}: queue-length target", target)
    _tell(report, f"{name}: queue-length", queue)
    report.aim(f"{name}: ours / bound", ours.cost / bound.cost, "<=", limit)
    report.aim(f"{name}: ours / queue-length", ours.cost / queue.cost, "<=", 0.999)


def _fleet() -> Fleet:
    return one_pool(MODEL, 0, price_per_hour=PRICE, scaling=SCALING, startup_seconds=STARTUP_SECONDS)


def _catalog() -> Catalog:
    """The built-in one, whose model is as slow as a large one."""
    catalog = load_catalog(Settings())
    entry = catalog.model(MODEL)
    seed = entry.seconds_per_step_megapixel * LARGER
    catalog.models[MODEL] = entry.model_copy(update={"seconds_per_step_megapixel": seed})
    return catalog


def _queue(trace: Trace, fleet: Fleet, catalog: Catalog, target: int) -> Result:
    return run(trace, fleet, replace(QUEUE_LENGTH, queue_target=target), catalog=catalog)


def _cheapest(play: Callable[[int], Result], within: float) -> tuple[Result, int]:
    """Queue-length scaling with the largest target that keeps its p95 within ours; with 1 if none does."""
    best, best_target = play(1), 1
    low, high = 1, MOST_TARGET
    while best.p(95) <= within and high - low > max(1, low // 8):
        middle = round((low * high) ** 0.5) if high > 2 * low else (low + high) // 2
        middle = min(max(middle, low + 1), high - 1)
        result = play(middle)
        if result.p(95) <= within:
            low = middle
            if result.cost < best.cost:
                best, best_target = result, middle
        else:
            high = middle
    return best, best_target


def _tell(report: Report, name: str, result: Result) -> None:
    for percent in (50, 95, 99):
        report.measure(f"{name}: p{percent} waiting (s)", result.p(percent))
    report.measure(f"{name}: cost", result.cost)
    report.measure(f"{name}: utilisation", result.utilisation)
    report.measure(f"{name}: batch fill", result.fill)
    report.measure(f"{name}: workers started", result.workers)


if __name__ == "__main__":
    main()
