"""Live pages and the API beside each other: many open streams, calls at a steady pace, and a reader that reads nothing.

    make bench NAME=sse        about a minute on two quiet cores
    .venv/bin/python -m tests.benchmarks.sse [--streams 200] [--calls 50] [--seconds 20] [--quick]

`farm dashboard` in one process over SQLite and a Valkey. A call is due every 1/50 of a second, whether the one before
was answered or not, and its time counts from when it was due. Told are:
- the 99th percentile of the calls while all streams are open and hear two steps a second, the most that a worker
  tells of a pass, against that without streams;
- how long a step is on its way to a stream while one more stream is open whose reader reads nothing, against that
  without it.
"""

import argparse
import asyncio
import json
import logging
import socket
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import structlog

from farm.progress import ProgressBoard, StepProgress
from tests.benchmarks.api import MODEL, PROMPT
from tests.benchmarks.own_dashboard import farm_with_dashboard
from tests.benchmarks.own_valkey import own_valkey
from tests.benchmarks.report import Report
from tests.benchmarks.steady_calls import p99, read_jobs, steady_calls

#: The 99th percentile with streams, of that without; the way of a step beside a stuck reader, of that without.
MOST_OF_CALLS, MOST_OF_STEPS = 5.0, 2.0
_STEP_SECONDS = 0.5
#: Of what was told, a stream hears at least so much: one that is behind skips steps, as pages may.
LEAST_HEARD = 0.9


@dataclass
class Watched:
    """A job whose steps are told; `told`: when each was, by its number; `lags`: seconds until streams heard it."""

    job_id: str
    project_id: str
    render_id: str
    told: dict[int, float] = field(default_factory=dict)
    lags: list[float] = field(default_factory=list)


def main() -> None:
    """Measure, print, and write build/bench/sse.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--calls", type=int, default=50, help="in a second")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--quick", action="store_true", help="a few seconds: does it run?")
    asked = parser.parse_args()
    seconds = 4.0 if asked.quick else asked.seconds
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    report = Report("sse", {"streams": asked.streams, "calls": asked.calls, "seconds": seconds, "processes": 1})
    with (
        tempfile.TemporaryDirectory(prefix="farm-bench-") as folder,
        own_valkey(Path(folder)) as redis_url,
        farm_with_dashboard(Path(folder), redis_url, f"sqlite:///{folder}/farm.sqlite3") as farm,
    ):
        job = farm.client.post("/api/v1/jobs", json={"model": MODEL, "prompt": PROMPT}).json()["job"]["id"]
        [render] = farm.client.get(f"/api/v1/jobs/{job}/renders").json()["items"]
        watched = Watched(job, farm.project_id, render["id"])
        asyncio.run(_measure(report, farm.client, watched, farm.connections.progress, asked, seconds))
    report.write()


async def _measure(
    report: Report,
    client: httpx.Client,
    watched: Watched,
    progress: ProgressBoard,
    asked: argparse.Namespace,
    seconds: float,
) -> None:
    await steady_calls(client, read_jobs, per_second=asked.calls, seconds=min(2.0, seconds))  # warm
    alone = await steady_calls(client, read_jobs, per_second=asked.calls, seconds=seconds)
    stop = asyncio.Event()
    streams = [asyncio.create_task(_stream(client, watched, stop)) for _ in range(asked.streams)]
    teller = asyncio.create_task(_tell(watched, progress, stop))
    await _until_all_hear(watched, asked.streams)
    together = await steady_calls(client, read_jobs, per_second=asked.calls, seconds=seconds)
    without, said = watched.lags[:], len(watched.told)
    watched.lags.clear()
    with StuckReader(client, watched):
        await asyncio.sleep(seconds)
    beside, told = watched.lags[:], len(watched.told) - said
    stop.set()
    await asyncio.gather(teller, *streams)

    report.sample("a call without streams, seconds", alone)
    report.sample("a call beside streams, seconds", together)
    report.aim("p99 of calls beside streams / without", p99(together) / p99(alone), "<=", MOST_OF_CALLS)
    slow, quick = report.measure("step on its way beside a stuck reader, p99", p99(beside)), p99(without)
    report.measure("step on its way, p99", quick)
    report.aim("step beside a stuck reader / without", slow / quick, "<=", MOST_OF_STEPS)
    report.aim("steps heard beside a stuck reader / told", len(beside) / (told * asked.streams), ">=", LEAST_HEARD)


async def _stream(client: httpx.Client, watched: Watched, stop: asyncio.Event) -> None:
    """An open page: notes how long each step was on its way."""
    reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
    writer.write(_request(client, watched))
    lines = asyncio.create_task(_hear(reader, watched))
    await stop.wait()
    lines.cancel()
    writer.close()


async def _hear(reader: asyncio.StreamReader, watched: Watched) -> None:
    while line := await reader.readline():
        if line.startswith(b"data: ") and b'"step"' in line:
            event = json.loads(line[6:])
            at = watched.told.get(event.get("step", -1))
            if at is not None:
                watched.lags.append(time.perf_counter() - at)


async def _tell(watched: Watched, progress: ProgressBoard, stop: asyncio.Event) -> None:
    number = 0
    while not stop.is_set():
        number += 1
        watched.told[number] = time.perf_counter()
        told = StepProgress(
            job_id=watched.job_id,
            project_id=watched.project_id,
            render_id=watched.render_id,
            phase="stepping",
            step=number,
            steps=10**6,
        )
        progress.report([told])
        await asyncio.sleep(_STEP_SECONDS)


async def _until_all_hear(watched: Watched, streams: int) -> None:
    """Until most of the steps of two seconds have reached all."""
    for _ in range(1_200):
        heard = len(watched.lags)
        await asyncio.sleep(2.0)
        if len(watched.lags) - heard >= streams * 1.5 / _STEP_SECONDS:
            watched.lags.clear()
            return
    raise AssertionError("not all streams hear the steps")


class StuckReader:
    """One more page, whose reader takes nothing off its connection."""

    def __init__(self, client: httpx.Client, watched: Watched) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
        self._socket.connect((client.base_url.host, client.base_url.port))
        self._socket.sendall(_request(client, watched))

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        self._socket.close()


def _request(client: httpx.Client, watched: Watched) -> bytes:
    headers = f"Host: {client.base_url.host}\r\nAuthorization: {client.headers['Authorization']}\r\n"
    return f"GET /api/v1/live?job={watched.job_id} HTTP/1.1\r\n{headers}Accept: text/event-stream\r\n\r\n".encode()


if __name__ == "__main__":
    main()
