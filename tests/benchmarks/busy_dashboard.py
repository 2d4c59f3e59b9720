"""The dashboard while its farm renders: reads and submissions beside open live pages, and with nothing else going on.

    make bench NAME=busy-dashboard        about three minutes on two quiet cores
    .venv/bin/python -m tests.benchmarks.busy_dashboard [--rounds 3] [--streams 100] [--seconds 20] [--quick]

`farm up` with its shipped settings, on one machine. In each round, first at rest, the lane paused and no page open: 50
reads a second, then 5 submissions a second of a picture each. Then all at once: the lane renders a job of hundreds of
pictures, 100 live pages of that job are open, and 50 reads and 5 submissions come in each second. A call is due whether
the one before was answered or not, and its time counts from when it was due. Told is the 99th percentile of the busy
farm over that at rest, the median of the rounds.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from farm.client import FarmClient
from tests.benchmarks.footprint import running_farm
from tests.benchmarks.report import Report
from tests.benchmarks.steady_calls import p99, read_jobs, steady_calls

MODEL, LANE = "sana-demo", "sana-demo@fp32"
READS, SUBMISSIONS = 50, 5  # in a second
BULK = 1000  # pictures: more than are made in the time
#: The 99th percentile beside all else, of that at rest.
MOST_OF_READS, MOST_OF_SUBMISSIONS = 5.0, 3.0


def main() -> None:
    """Measure, print, and write build/bench/busy-dashboard.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--streams", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--quick", action="store_true", help="a few seconds: does it run?")
    asked = parser.parse_args()
    if asked.quick:
        asked.rounds, asked.seconds = 1, 4.0
    report = Report("busy-dashboard", {"rounds": asked.rounds, "streams": asked.streams, "seconds": asked.seconds})
    figures: dict[str, list[float]] = {}
    with running_farm(Path.cwd()) as (_, data):
        found = json.loads((data / "client.json").read_text())
        headers = {"Authorization": f"Bearer {found['key']}"}
        with (
            FarmClient(found["url"], found["key"]) as farm,
            httpx.Client(base_url=found["url"], headers=headers) as client,
        ):
            for _ in range(asked.rounds):
                for name, value in asyncio.run(_round(farm, client, asked.streams, asked.seconds)).items():
                    figures.setdefault(name, []).append(value)
    for name, values in figures.items():
        report.sample(name, values)
    for what, most in (("reads", MOST_OF_READS), ("submissions", MOST_OF_SUBMISSIONS)):
        ratios = [busy / rest for busy, rest in zip(figures[f"{what}, busy"], figures[f"{what}, at rest"], strict=True)]
        report.aim(f"{what}: busy / at rest", statistics.median(ratios), "<=", most)
    report.write()


async def _round(farm: FarmClient, client: httpx.Client, streams: int, seconds: float) -> dict[str, float]:
    """The 99th percentiles of one round, in seconds, by their names."""
    farm.pause_lane(LANE)
    await steady_calls(client, read_jobs, per_second=READS, seconds=min(2.0, seconds))  # warm
    reads = await steady_calls(client, read_jobs, per_second=READS, seconds=seconds)
    submissions = await steady_calls(client, _submit, per_second=SUBMISSIONS, seconds=seconds)

    farm.cancel_matching(model=MODEL)
    bulk = farm.submit(MODEL, "a red circle on a blue background", seed_count=BULK)
    farm.resume_lane(LANE)
    async with _open_pages(client, bulk.id, streams):
        busy_reads, busy_submissions = await asyncio.gather(
            steady_calls(client, read_jobs, per_second=READS, seconds=seconds),
            steady_calls(client, _submit, per_second=SUBMISSIONS, seconds=seconds),
        )
    done = farm.job(bulk.id).done
    farm.cancel_matching(model=MODEL)
    assert 0 < done < BULK, f"{done} pictures were made meanwhile: it rendered for a part of the time at best"
    return {
        "reads, at rest": p99(reads),
        "reads, busy": p99(busy_reads),
        "submissions, at rest": p99(submissions),
        "submissions, busy": p99(busy_submissions),
        "pictures made meanwhile": done,
    }


async def _submit(calls: httpx.AsyncClient, number: int) -> httpx.Response:
    return await calls.post("/api/v1/jobs", json={"model": MODEL, "prompt": f"a red circle {number}"})


@asynccontextmanager
async def _open_pages(client: httpx.Client, job_id: str, count: int) -> AsyncIterator[None]:
    """So many live pages of a job, in a process of their own; inside, each has heard of a step."""
    key = client.headers["Authorization"].removeprefix("Bearer ")
    command = [sys.executable, "-m", "tests.benchmarks.open_pages", str(client.base_url), job_id, str(count)]
    pages = await asyncio.create_subprocess_exec(
        *command, env={**os.environ, "FARM_KEY": key}, stdout=asyncio.subprocess.PIPE
    )
    assert pages.stdout is not None
    try:
        assert await asyncio.wait_for(pages.stdout.readline(), 120)
        yield
    finally:
        pages.kill()
        await pages.wait()


if __name__ == "__main__":
    main()
