"""How much of what bare diffusers does in a loop a worker does through the whole farm.

    .venv/bin/python -m tests.benchmarks.efficiency [--pairs 7] [--renders 16] [--quick]

Ours: a job through API, SQL, the worker's claim, its engine's steps, encoding, upload to S3 and settle, with one demo
worker; renders a second from the claim of the first batch to the settle of the last render. Bare: a process that has
the same model calls the pipeline of diffusers for the same batches, and makes the same output file and thumbnail of
each picture; it stores nothing. Both with one thread for torch. In pairs, one after the other; the median of the
pairs' ratios counts. The worker's other threads may use the second core, as they do in a farm.
"""

import argparse
import itertools
import statistics
import time

from tests.benchmarks.bare_diffusers import Bare, bare_process
from tests.benchmarks.one_worker import MODEL, PICTURE, batches_of, cores, one_worker
from tests.benchmarks.report import Report
from tests.end_to_end.farms import RunningFarm

GOAL = 0.95
#: A smaller model would measure its own overhead.
LEAST_PASS_SECONDS = 0.05
_numbers = itertools.count()
#: Each render has a prompt of its own: what is equal is embedded once by the farm, and each time by diffusers.
PROMPT = "a red circle on a blue background, number {}"


def main() -> None:
    """Measure and write build/bench/efficiency.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--renders", type=int, default=12)
    parser.add_argument("--quick", action="store_true", help="few samples: does it run?")
    asked = parser.parse_args()
    if asked.quick:
        asked.pairs, asked.renders = 3, 8
    report = Report(
        "efficiency",
        {
            "model": MODEL, **PICTURE, "pairs": asked.pairs, "renders of a job": asked.renders, "cores": cores(),
            "bare": "the pipeline's own call for the same batches, output file and thumbnail; one thread, no storing",
        },
    )  # fmt: skip
    with one_worker() as farm, bare_process(MODEL) as bare:
        _through_the_farm(farm, asked.renders)  # both have rendered once, and the first curve is known
        time.sleep(3.0)
        ours, theirs, ratios, passes = [], [], [], []
        for pair in range(asked.pairs):
            rate, batches = _through_the_farm(farm, asked.renders)
            seconds = _bare(bare, batches)
            ours.append(rate)
            theirs.append(asked.renders / seconds)
            ratios.append(ours[-1] / theirs[-1])
            passes.append(seconds / (len(batches) * PICTURE["num_inference_steps"]))
            print(f"  pair {pair + 1}: {ours[-1]:.3f} / {theirs[-1]:.3f} = {ratios[-1]:.3f}", flush=True)
    report.sample("renders a second, whole farm", ours)
    report.sample("renders a second, bare diffusers", theirs)
    report.aim("seconds of a pass", statistics.median(passes), ">=", LEAST_PASS_SECONDS)
    report.samples["farm / bare"] = ratios
    report.aim("farm / bare", statistics.median(ratios), ">=", GOAL)
    report.write()


def _through_the_farm(farm: RunningFarm, renders: int) -> tuple[float, list[list[dict[str, object]]]]:
    """Renders a second of one job, and the batches in which it was rendered."""
    prompts = [PROMPT.format(next(_numbers)) for _ in range(renders)]
    job = farm.submit_and_wait(MODEL, prompts, seed=7, **PICTURE)
    began = min(attempt.started_at for attempt in farm.attempts(job.id))
    ended = max(render.finished_at for render in farm.renders(job.id))
    return renders / (ended - began), batches_of(farm, job.id)


def _bare(bare: Bare, batches: list[list[dict[str, object]]]) -> float:
    return float(bare.ask({"render": batches})["seconds"])


if __name__ == "__main__":
    main()
