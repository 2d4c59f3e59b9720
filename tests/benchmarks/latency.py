"""How long one picture takes through a warm farm, POST to stored PNG, and where that time goes.

    .venv/bin/python -m tests.benchmarks.latency [--pairs 15] [--quick]

Ours: `POST /api/v1/jobs` with `Prefer: wait`, until its answer brings the render that is done: output, thumbnail and
manifest are stored and settled by then. Bare: a process that has the same model calls the pipeline of diffusers, makes
the same PNG and stores it in the same S3 server; no thumbnail, no manifest, no queue, no database. Both with one thread
for torch. In pairs, one after the other, each with a prompt of its own; the median of the pairs counts.

The stages are those of the farm's own spans (docs/monitoring.md), by medians; `build/bench/latency.json` has all.
"""

import argparse
import statistics
import time
from collections.abc import Mapping
from typing import Any

import httpx

from tests.benchmarks.bare_diffusers import Bare, bare_process
from tests.benchmarks.one_worker import PICTURE, cores, one_worker
from tests.benchmarks.report import Report
from tests.benchmarks.spans import Spans, collected_spans
from tests.end_to_end.farms import RunningFarm

MOST_OF_BARE, MOST_ABOVE_SECONDS = 1.10, 0.060
#: Of the one that is measured as a ratio: a smaller model would measure its own overhead.
LEAST_STEP_SECONDS = 0.05
SPRINT = {"width": 128, "height": 128, "num_inference_steps": 1}
#: Spans leave a process in batches, five seconds after they were made.
_SPANS_SECONDS = 7.0
_WIDTH = 72  # characters of a timeline


def main() -> None:
    """Measure and write build/bench/latency.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--quick", action="store_true", help="few samples: does it run?")
    asked = parser.parse_args()
    if asked.quick:
        asked.pairs = 5
    report = Report(
        "latency",
        {
            "sana-demo": PICTURE, "sprint-demo": SPRINT, "pairs": asked.pairs, "cores": cores(),
            "bare": "the pipeline's own call, the same PNG, one put; one thread",
        },
    )  # fmt: skip
    with (
        collected_spans() as (endpoint, spans),
        one_worker({"sana-demo-local": 1, "sprint-demo-local": 1}, traces_endpoint=endpoint) as farm,
    ):
        _, bare = _pairs(report, farm, spans, "sana-demo", PICTURE, asked.pairs)
        report.aim("sana-demo: seconds of a step", bare / PICTURE["num_inference_steps"], ">=", LEAST_STEP_SECONDS)
        ratios = [a / b for a, b in zip(*_samples(report, "sana-demo"), strict=True)]
        report.samples["sana-demo: farm / bare, each pair"] = ratios
        report.aim("sana-demo: farm / bare", statistics.median(ratios), "<=", MOST_OF_BARE)
        _pairs(report, farm, spans, "sprint-demo", SPRINT, asked.pairs)
        above = [a - b for a, b in zip(*_samples(report, "sprint-demo"), strict=True)]
        report.samples["sprint-demo: farm - bare, each pair"] = above
        report.aim("sprint-demo: farm - bare, s", statistics.median(above), "<=", MOST_ABOVE_SECONDS)
    report.write()


def _samples(report: Report, model: str) -> tuple[list[float], list[float]]:
    return report.samples[f"{model}: farm, s"], report.samples[f"{model}: bare, s"]


def _pairs(
    report: Report, farm: RunningFarm, spans: Spans, model: str, picture: Mapping[str, Any], pairs: int
) -> tuple[float, float]:
    """Measure one model; the medians of both."""
    ours: dict[str, tuple[float, float]] = {}  # by job: when it was sent and answered, seconds since 1970
    theirs = []
    headers = {"Authorization": f"Bearer {farm.stack.key}", "Prefer": "wait=50"}
    with (
        bare_process(model, farm.stack.environment) as bare,
        httpx.Client(base_url=farm.stack.url, headers=headers, timeout=60) as client,
    ):
        for number in range(-2, pairs):  # two to warm up, and for the first curves
            prompt = f"a red circle on a blue background, plate {number}"
            parameters = {"prompt": prompt, "seed": number + 10, "guidance_scale": 4.5, **picture}
            job, sent, answered = _through_the_farm(client, model, parameters)
            seconds = _bare(bare, farm.renders(job)[0].parameters)
            if number >= 0:
                ours[job] = sent, answered
                theirs.append(seconds)
                print(f"  pair {number + 1}: {answered - sent:.3f} / {seconds:.3f}", flush=True)
    medians = (
        report.sample(f"{model}: farm, s", [answered - sent for sent, answered in ours.values()]),
        report.sample(f"{model}: bare, s", theirs),
    )
    time.sleep(_SPANS_SECONDS)
    _tell_stages(report, model, ours, spans)
    return medians


def _through_the_farm(client: httpx.Client, model: str, parameters: Mapping[str, Any]) -> tuple[str, float, float]:
    """Its job; when it was sent, and when the answer was here."""
    sent = time.time()
    answer = client.post("/api/v1/jobs", json={"model": model, **parameters})
    answered = time.time()
    told = answer.raise_for_status().json()
    kinds = {artifact["kind"] for artifact in told["renders"][0]["artifacts"]}
    assert kinds >= {"output", "thumbnail", "manifest"}, told
    return told["job"]["id"], sent, answered


def _bare(bare: Bare, parameters: Mapping[str, Any]) -> float:
    [seconds] = bare.ask({"store": [parameters]})["seconds"]
    return float(seconds)


def _tell_stages(report: Report, model: str, ours: Mapping[str, tuple[float, float]], spans: Spans) -> None:
    """The median seconds of each stage; they add up to the whole but for what medians do."""
    stages: dict[str, list[float]] = {}
    for job, (sent, answered) in ours.items():
        for stage, seconds in _stages(spans[job], sent, answered).items():
            stages.setdefault(stage, []).append(seconds)
    medians = {
        stage: report.sample(f"{model}: {stage}, s", seconds_of_each) for stage, seconds_of_each in stages.items()
    }
    report.drawing += timeline(f"{model}, one picture", medians)


def timeline(title: str, stages: Mapping[str, float]) -> list[str]:
    """One stage below the other as text: a bar where it lies in the whole, and its milliseconds."""
    whole, before = sum(stages.values()), 0.0
    lines = [f"{title}: {1000 * whole:.0f} ms", ""]
    for stage, seconds in stages.items():
        begin, end = (round(_WIDTH * at / whole) for at in (before, before + seconds))
        bar = " " * begin + "#" * max(1, end - begin)
        lines.append(f"{stage:<26}{1000 * seconds:>7.1f} |{bar:<{_WIDTH}}|")
        before += seconds
    return [*(line.rstrip() for line in lines), ""]


def _stages(spans: Mapping[str, tuple[float, float]], sent: float, answered: float) -> dict[str, float]:
    """The stages of one picture in their order, each from the end of the one before."""
    ends = {
        "request read and checked": spans["submit"][0],
        "admission": spans["submit"][1],
        "ring and claim": spans["wait"][1],
        "order handed over": spans["encode"][0],
        "prompt encoded": spans["steps"][0],
        "steps": spans["decode"][0],
        "decoded": spans["decode"][1],
        "taken up by the finisher": spans["store"][0],
        "files made and stored": spans["store"][1],
        "settled, told, answered": answered,
    }
    found, before = {}, sent
    for stage, end in ends.items():
        found[stage], before = end - before, end
    return found


if __name__ == "__main__":
    main()
