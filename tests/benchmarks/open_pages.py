"""Live pages of a job, open in a process of their own: `python -m tests.benchmarks.open_pages URL JOB COUNT`.

FARM_KEY is the key. It prints a line once each page has heard of a step, and reads on, without looking at what it
reads, until it is killed: what pages cost their readers must not weigh on the calls that are timed beside them.
"""

import asyncio
import os
import sys

import httpx


async def main(url: str, job_id: str, count: int) -> None:
    """Open the pages and read them for ever."""
    address = httpx.URL(url)
    heard = [asyncio.Event() for _ in range(count)]
    pages = asyncio.gather(*(_read(address, job_id, one) for one in heard))
    await asyncio.gather(*(one.wait() for one in heard))
    print("open", flush=True)
    await pages


async def _read(address: httpx.URL, job_id: str, heard: asyncio.Event) -> None:
    reader, writer = await asyncio.open_connection(address.host, address.port)
    head = (
        f"Host: {address.host}\r\nAuthorization: Bearer {os.environ['FARM_KEY']}\r\nAccept: text/event-stream\r\n\r\n"
    )
    writer.write(f"GET /api/v1/live?job={job_id} HTTP/1.1\r\n{head}".encode())
    while data := await reader.read(65_536):
        if b'"step"' in data:
            heard.set()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
