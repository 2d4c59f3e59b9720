"""`make bench` runs every benchmark, `make bench NAME=claim-by-flow` one. Each prints ratios measured in one run."""

import runpy
import sys

#: What can be measured, and the module that does.
BENCHMARKS = {
    "claim-by-flow": "tests.benchmarks.spike_claim",
    "admission": "tests.benchmarks.admission",
    "api": "tests.benchmarks.api",
    "sse": "tests.benchmarks.sse",
    "busy-dashboard": "tests.benchmarks.busy_dashboard",
    "dashboard-10k": "tests.benchmarks.dashboard_10k",
    "claims": "tests.benchmarks.claims",
    "scale": "tests.benchmarks.scale",
    "idle-start": "tests.benchmarks.idle_start",
    "footprint": "tests.benchmarks.footprint",
    "cold-start": "tests.benchmarks.cold_start",
    "fairness": "tests.benchmarks.fairness",
    "autoscale": "tests.benchmarks.autoscale",
    "simulate": "tests.benchmarks.simulate",
    "estimates": "tests.benchmarks.estimates",
    "batching": "tests.benchmarks.batching",
    "mixed-shapes": "tests.benchmarks.mixed_shapes",
    "neighbours": "tests.benchmarks.neighbours",
    "speed": "tests.benchmarks.speed",
    "efficiency": "tests.benchmarks.efficiency",
    "latency": "tests.benchmarks.latency",
    "small-jobs": "tests.benchmarks.small_jobs",
    "mixed-traffic": "tests.benchmarks.mixed_traffic",
    "peers": "tests.benchmarks.peers.__main__",
}


def main() -> None:
    """Run the benchmarks named on the command line, or all."""
    wanted = sys.argv[1:] or list(BENCHMARKS)
    if unknown := [name for name in wanted if name not in BENCHMARKS]:
        raise SystemExit(f"There is no benchmark {', '.join(unknown)}; there are: {', '.join(BENCHMARKS)}.")
    for name in wanted:
        print(f"== {name}", flush=True)
        sys.argv = [BENCHMARKS[name]]
        runpy.run_module(BENCHMARKS[name], run_name="__main__")


if __name__ == "__main__":
    main()
