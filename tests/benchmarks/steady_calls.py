"""Calls of an HTTP API at a steady pace: one is due whether the one before was answered or not."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

import httpx

Call = Callable[[httpx.AsyncClient, int], Awaitable[httpx.Response]]


async def steady_calls(client: httpx.Client, call: Call, *, per_second: float, seconds: float) -> list[float]:
    """Seconds of each call, from when it was due to its answer; `call` is given its number.

    Raises AssertionError for an answer that is no success.
    """
    most = max(10, round(per_second))
    limits = httpx.Limits(max_connections=most, max_keepalive_connections=most)
    async with httpx.AsyncClient(
        base_url=client.base_url, headers=client.headers, timeout=60, verify=False, limits=limits
    ) as calls:

        async def timed(number: int, due: float) -> float:
            await asyncio.sleep(due - time.perf_counter())
            answer = await call(calls, number)
            assert answer.is_success, answer.text
            return time.perf_counter() - due

        begin = time.perf_counter() + 0.1
        due = (begin + number / per_second for number in range(int(seconds * per_second)))
        return list(await asyncio.gather(*(timed(number, at) for number, at in enumerate(due))))


async def read_jobs(calls: httpx.AsyncClient, _: int) -> httpx.Response:
    """A page of the newest jobs."""
    return await calls.get("/api/v1/jobs?limit=20")


def p99(values: Sequence[float]) -> float:
    """The 99th percentile: a value that was measured."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
