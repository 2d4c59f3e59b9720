"""A thousand workers render a million renders, in virtual time; and policies side by side on a smaller trace.

`make bench NAME=simulate`; `--quick` plays 50 workers and 4,000 renders. The renders are submitted by eight projects as
jobs of all sizes up to 10,000, with crashes, stalls and spot preemptions; the run refuses itself if a render is lost
or ended twice.
"""

import argparse
import resource
import time

from rich.console import Console

from scheduler.simulate.event_queue import Options
from scheduler.simulate.fleet import Faults, Speed, one_pool
from scheduler.simulate.policies import FIFO, FIFO_BATCHES, OURS, PRIORITY
from scheduler.simulate.results import tables
from scheduler.simulate.run import run
from scheduler.simulate.traces import generate
from scheduler.simulate.traces.trace import Arrival, Trace
from tests.benchmarks.report import Report

PROJECTS = tuple(f"project {number}" for number in range(1, 9))
WEIGHTS = {name: float(number) for number, name in enumerate(PROJECTS, 1)}
MODEL = "sana-demo"
#: A render alone takes 16 s; a thousand workers are busy for an hour and a half with a million of them.
SLOWNESS = 60.0
FAULTS = Faults(crashes_per_hour=0.05, stalls_per_hour=0.02, preemptions_per_hour=0.1, notice_seconds=30)
MOST_MINUTES, MOST_GIGABYTES = 15.0, 4.0


def main() -> None:
    """Play, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--workers", type=int)
    parser.add_argument("--renders", type=int)
    options = parser.parse_args()
    workers = options.workers or (50 if options.quick else 1_000)
    renders = options.renders or (4_000 if options.quick else 1_000_000)
    report = Report("simulate", {"workers": workers, "renders": renders, "slowness": SLOWNESS, "quick": options.quick})
    _large(report, workers, renders)
    _policies(report, 1_000 if options.quick else 20_000)
    report.write()


def _large(report: Report, workers: int, renders: int) -> None:
    trace = _trace(renders)
    began, cpu = time.perf_counter(), time.process_time()
    fleet = one_pool(MODEL, workers, slowness=SLOWNESS, faults=FAULTS)
    result = run(trace, fleet, OURS, Options(weights=WEIGHTS, sample_seconds=300))
    minutes = (time.perf_counter() - began) / 60
    seconds_cpu = time.process_time() - cpu
    report.measure("renders", result.submitted)
    report.measure("jobs", len(trace))
    report.measure("claims", result.claims)
    report.measure("virtual hours", result.seconds / 3600)
    report.measure("CPU ms of a render", 1000 * seconds_cpu / result.submitted)
    report.measure("crashes", result.crashes)
    report.measure("stalls", result.stalls)
    report.measure("preemptions", result.preemptions)
    report.measure("void settlements", result.void)
    report.measure("utilisation", result.utilisation)
    report.measure("batch fill", result.fill)
    report.measure("fairness (Jain)", result.jain)
    report.aim("minutes", minutes, "<=", MOST_MINUTES)
    report.aim("peak GB", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, "<=", MOST_GIGABYTES)
    report.aim("lost", result.lost, "<=", 0)
    report.aim("doubled", result.doubled, "<=", 0)


def _trace(renders: int) -> Trace:
    """Half in jobs of one to a hundred renders over an hour, half in bulk jobs of a hundredth each at the beginning."""
    mix = generate.Mix(projects=PROJECTS, renders=((1, 2.0), (10, 4.0), (100, 4.0)), job=Arrival(0.0, model=MODEL))
    bulk = max(1, min(10_000, renders // 100))
    monsters = [
        Arrival(float(number), PROJECTS[number % len(PROJECTS)], "bulk", MODEL, bulk)
        for number in range(renders // 2 // bulk)
    ]
    small, left = [], renders - sum(arrival.renders for arrival in monsters)
    for arrival in generate.poisson(renders / 2 / 3600 * 1.1, 3600.0, mix=mix):
        if left < arrival.renders:
            break
        left -= arrival.renders
        small.append(arrival)
    rest = [Arrival(3600.0, PROJECTS[0], "normal", MODEL, left)] if left else []
    return generate.merged(monsters, small, rest)


def _policies(report: Report, renders: int) -> None:
    """An hour of pictures and, in its midst, one project's bulk job, on a fleet that is just large enough."""
    mix = generate.Mix(job=Arrival(0.0, model=MODEL))
    trace = generate.merged(
        generate.poisson(renders / 2 / 3600, 3600.0, mix=mix), generate.monster(renders // 2, at=600.0, job=mix.job)
    )
    alone = 0.262 * SLOWNESS
    workers = max(2, round(1.3 * renders * alone * Speed().pass_factor(8) / 8 / 3600))
    results = [
        run(trace, one_pool(MODEL, workers, slowness=SLOWNESS), policy)
        for policy in (OURS, PRIORITY, FIFO_BATCHES, FIFO)
    ]
    console = Console(width=100)
    console.print(tables.rich_table("Policies", tables.turned(tables.comparison(results))))
    console.print(tables.rich_table("Waiting time in seconds", tables.waiting(results)))
    for result in results:
        for name in ("urgent", "normal", "bulk"):
            report.measure(f"{result.policy}: p95 waiting, {name} (s)", result.p(95, name))
        report.measure(f"{result.policy}: fairness (Jain)", result.jain)
        report.measure(f"{result.policy}: hours", result.seconds / 3600)


if __name__ == "__main__":
    main()
