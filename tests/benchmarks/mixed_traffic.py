"""Single urgent pictures that arrive at random on one worker, beside a bulk job: how long they wait, what that costs.

    .venv/bin/python -m tests.benchmarks.mixed_traffic [--blocks 3] [--seconds 40] [--every 4] [--quick]

First single pictures one after the other on the idle farm: from submit to last step, as `farm.progress` tells it. Then
a bulk job that does not end, in blocks: alone, and with urgent pictures of the same shape that arrive at random (on the
average one in `--every` seconds). Work is counted in step-pixels: steps done, times pixels, of all renders.

Beside it, in the same run and with the same arrivals, two servers without a farm: one that fills batches of the same
size and makes each from first to last step, and one that makes one picture after the other. Both take what is urgent
first. They store nothing.
"""

import argparse
import queue
import random
import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from farm.lifecycle import Phase
from farm.progress import StepProgress
from tests.benchmarks.bare_diffusers import bare_process
from tests.benchmarks.one_worker import MODEL, PICTURE, POOL, cores, one_worker
from tests.benchmarks.report import Report
from tests.end_to_end.farms import RunningFarm
from tests.waiting import eventually

MOST_WAIT, LEAST_WORK = 2.0, 0.9
PROMPT = "a red circle on a blue background"
PIXELS = PICTURE["width"] * PICTURE["height"]
_BULK = 2000  # renders: more than can be made


def main() -> None:
    """Measure and write build/bench/mixed-traffic.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--blocks", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--every", type=float, default=4.0)
    parser.add_argument("--quick", action="store_true", help="few samples: does it run?")
    asked = parser.parse_args()
    if asked.quick:
        asked.blocks, asked.seconds = 1, 15.0
    report = Report(
        "mixed-traffic",
        {"model": MODEL, **PICTURE, "blocks": asked.blocks, "seconds of a block": asked.seconds,
         "seconds between two urgent ones, mean": asked.every, "cores": cores()},
    )  # fmt: skip
    courses = [_arrivals(asked.seconds, asked.every, seed) for seed in range(asked.blocks)]
    with one_worker() as farm, last_steps(farm) as told:
        size = farm.connections.catalog.pool(POOL).max_batch
        urgent = Urgent(farm, told)
        urgent.wait_for_each(3)  # it has rendered before
        idle = report.sample("idle farm: submit to last step (s)", urgent.wait_for_each(5 if asked.quick else 15))
        alone, mixed, waited = _blocks(farm, urgent, courses, asked.seconds)
    works = [with_urgent / without for with_urgent, without in zip(mixed, alone, strict=True)]
    report.sample("bulk alone: step-pixels / s", alone)
    report.sample("bulk and urgent: step-pixels / s", mixed)
    report.sample("bulk and urgent: submit to last step (s)", waited)
    _beside(report, courses, asked.seconds, size)
    report.samples["wait beside bulk / on the idle farm"] = [seconds / idle for seconds in waited]
    report.aim("wait beside bulk / on the idle farm", statistics.median(waited) / idle, "<=", MOST_WAIT)
    report.samples["work with urgent / bulk alone"] = works
    report.aim("work with urgent / bulk alone", statistics.median(works), ">=", LEAST_WORK)
    report.write()


class Urgent:
    """Submits single urgent pictures, and knows when each had its last step."""

    def __init__(self, farm: RunningFarm, told: "queue.Queue[tuple[str, float]]") -> None:
        self._farm, self._told = farm, told
        self._submitted: dict[str, float] = {}

    def submit(self) -> None:
        """One now."""
        began = time.monotonic()
        job = self._farm.client.submit(MODEL, PROMPT, class_name="urgent", seed=len(self._submitted), **PICTURE)
        self._submitted[job.id] = began

    def heard(self, count: int) -> list[float]:
        """Wait until so many have had their last step; from submit to there, in seconds."""
        waited: list[float] = []
        while len(waited) < count:
            job_id, at = self._told.get(timeout=300)
            if (began := self._submitted.pop(job_id, None)) is not None:
                waited.append(at - began)
        return waited

    def wait_for_each(self, count: int) -> list[float]:
        """One after the other, with a pause in between."""
        waited: list[float] = []
        for _ in range(count):
            self.submit()
            waited += self.heard(1)
            time.sleep(1.0)
        return waited


@contextmanager
def last_steps(farm: RunningFarm) -> Iterator["queue.Queue[tuple[str, float]]"]:
    """The ids of jobs of which a render had its last step, as it is told, with the time."""
    stop, told = threading.Event(), queue.Queue[tuple[str, float]]()

    def hear() -> None:
        for message in farm.connections.progress.listen(stop):
            if isinstance(message, StepProgress) and message.phase == Phase.FINISHING:
                told.put((message.job_id, time.monotonic()))

    thread = threading.Thread(target=hear, daemon=True)
    thread.start()
    try:
        yield told
    finally:
        stop.set()
        thread.join()


def _blocks(
    farm: RunningFarm, urgent: Urgent, courses: Sequence[Sequence[float]], seconds: float
) -> tuple[list[float], list[float], list[float]]:
    """Step-pixels a second of bulk alone and of both, by block; and the waits of the urgent ones."""
    bulk = farm.client.submit(MODEL, PROMPT, class_name="bulk", seeds=list(range(_BULK)), **PICTURE)
    eventually(lambda: farm.client.job(bulk.id).done, timeout=300)  # the first batch is through
    alone, mixed, waited = [], [], []
    for arrivals in courses:
        begun, before = time.monotonic(), _steps(farm, bulk.id)
        time.sleep(seconds)
        alone.append((_steps(farm, bulk.id) - before) * PIXELS / (time.monotonic() - begun))
        begun, before = time.monotonic(), _steps(farm, bulk.id)
        for arrival in arrivals:
            time.sleep(max(0.0, begun + arrival - time.monotonic()))
            urgent.submit()
        time.sleep(max(0.0, begun + seconds - time.monotonic()))
        waited += urgent.heard(len(arrivals))
        extra = len(arrivals) * PICTURE["num_inference_steps"]
        mixed.append((_steps(farm, bulk.id) - before + extra) * PIXELS / (time.monotonic() - begun))
        print(f"  block: work {mixed[-1] / alone[-1]:.3f}, {len(arrivals)} urgent", flush=True)
    farm.client.cancel(bulk.id)
    return alone, mixed, waited


def _steps(farm: RunningFarm, job_id: str) -> int:
    """Steps done of a job's renders: all of those that are done, and what progress says of those that run."""
    running = farm.connections.progress.snapshot(job_id)
    done = {row.id for row in farm.renders(job_id) if row.status == "done"}
    going = sum(step.step for render_id, step in running.items() if render_id not in done)
    return len(done) * PICTURE["num_inference_steps"] + going


def _beside(report: Report, courses: Sequence[Sequence[float]], seconds: float, size: int) -> None:
    """The same arrivals on servers that fill fixed batches, and that take one after the other."""
    picture = {"prompt": PROMPT, "guidance_scale": 4.5, "seed": 0, "sampler": "dpm++-2m", **PICTURE}
    with bare_process(MODEL) as bare:
        for name, batch in ((f"fixed batches of {size}", size), ("one by one", 1)):
            played = [
                bare.ask({"serve": {"bulk": picture, "urgent": picture, "size": batch, "arrivals": course,
                                    "seconds": seconds}})
                for course in courses
            ]  # fmt: skip
            waits = [wait for one in played for wait in one["waited"]]
            report.sample(f"{name}: step-pixels / s", [one["step_pixels_per_second"] for one in played])
            report.sample(f"{name}: submit to last step (s)", waits)


def _arrivals(seconds: float, every: float, seed: int) -> list[float]:
    """When urgent ones arrive, in seconds from the start of a block; none so late that the block would end in it."""
    dice, at, found = random.Random(seed), 0.0, list[float]()
    while (at := at + dice.expovariate(1 / every)) < 0.9 * seconds:
        found.append(at)
    return found or [seconds / 2]


if __name__ == "__main__":
    main()
