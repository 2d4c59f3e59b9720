"""Lists for people: a table on a terminal, lines with tabs between the columns in a pipe."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from farm.clock_words import clock_words
from farm.console.durations import ago
from farm.console.output import clean, out

if TYPE_CHECKING:
    from farm.client import Job, Pool, Render, Worker

#: How a word that stands alone in a cell is coloured.
STYLES = {
    "ok": "green",
    "warn": "yellow",
    "fail": "red",
    "done": "green",
    "failed": "red",
    "partial": "yellow",
    "cancelled": "dim",
    "expired": "dim",
    "gone": "dim",
    "quarantined": "red",
    "open": "cyan",
    "running": "cyan",
    "rendering": "cyan",
}


def print_list(headings: Sequence[str], rows: Iterable[Sequence[str]], *, nothing: str) -> None:
    """Print the rows; `nothing` is what a person reads when there are none."""
    console = out()
    if not console.is_terminal:
        for row in [headings, *rows]:
            print("\t".join(clean(cell).replace("\n", " ") for cell in row))
        return
    table = Table(*headings, box=box.SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        table.add_row(*(Text(clean(cell), STYLES.get(cell, ""), overflow="fold") for cell in row))
    console.soft_wrap = False
    if table.row_count:
        console.print(table)
    else:
        console.print(nothing)


def print_jobs(jobs: Iterable[Job], now: float) -> None:
    print_list(
        ["job", "status", "renders", "model", "class", "age", "title"],
        (
            [
                job.id,
                job.status,
                f"{job.done}/{job.total}",
                job.model,
                job.class_name,
                ago(job.created_at, now),
                job.title,
            ]
            for job in jobs
        ),
        nothing="No jobs. Submit one: farm submit sana-demo 'a large red circle in the centre'",
    )


def print_renders(renders: Iterable[Render]) -> None:
    print_list(
        ["#", "render", "status", "seed", "step", "seconds", "prompt"],
        (
            [
                str(render.index),
                render.id,
                render.status,
                str(render.parameters.get("seed", "")),
                step_words(render),
                "" if render.gpu_seconds is None else f"{render.gpu_seconds:.2f}",
                render.reason if render.status == "failed" and render.reason else _prompt(render),
            ]
            for render in renders
        ),
        nothing="This job has no renders yet.",
    )


WORKER_HEADINGS = ("worker", "pool", "model", "status", "device", "host", "clock", "done", "heartbeat", "last error")


def worker_row(worker: Worker, now: float) -> list[str]:
    """What there is to know of a worker, under WORKER_HEADINGS."""
    return [
        worker.id,
        worker.pool,
        worker.model,
        "quarantined" if worker.quarantined else worker.status,
        worker.device,
        worker.host,
        clock_words(worker.clock_skew),
        str(worker.renders_done),
        ago(worker.heartbeat_at, now),
        worker.quarantine_reason or _storage(worker) or worker.last_error or "",
    ]


def print_workers(workers: Iterable[Worker], now: float) -> None:
    print_list(
        WORKER_HEADINGS,
        (worker_row(worker, now) for worker in workers),
        nothing="No workers. Start one: farm worker --pool NAME, or all of a local farm: farm up",
    )


POOL_HEADINGS = ("pool", "model", "workers", "wanted", "starting", "per hour", "decision")


def pool_row(pool: Pool) -> list[str]:
    """What there is to know of a pool, under POOL_HEADINGS."""
    return [
        pool.name,
        pool.model,
        str(pool.workers),
        str(pool.scaling.desired) if pool.scaling else "-",
        str(pool.scaling.starting) if pool.scaling else "-",
        f"{pool.price_per_hour:.2f}" if pool.price_per_hour else "-",
        "paused" if pool.paused else pool.scaling.decision if pool.scaling else "",
    ]


def print_pools(pools: Iterable[Pool]) -> None:
    print_list(
        POOL_HEADINGS,
        (pool_row(pool) for pool in pools),
        nothing="No pools. They come from the catalog when the scheduler starts: farm scheduler",
    )


def step_words(render: Render) -> str:
    """'stepping 7/20' of a running render."""
    told = render.progress
    if render.status != "running":
        return ""
    return f"{told.phase or ''} {told.step}/{told.steps}".strip() if told else render.phase or ""


def _storage(worker: Worker) -> str:
    return f"the object storage {worker.storage_trouble}" if worker.storage_trouble else ""


def _prompt(render: Render) -> str:
    """The whole one for a program; on a terminal as much as leaves the table readable."""
    prompt = str(render.parameters.get("prompt", ""))
    return prompt if len(prompt) <= 60 or not out().is_terminal else prompt[:59] + "…"
