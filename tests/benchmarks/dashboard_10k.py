"""The pages of a job of 10,000 renders in a browser: how long its main thread is held up, and what is fetched twice.

    make bench NAME=dashboard-10k        about three minutes on two quiet cores; needs Chromium
    .venv/bin/python -m tests.benchmarks.dashboard_10k [--renders 10000] [--quick]

`farm dashboard` in one process over SQLite, a Valkey and an S3 server, headless Chromium on the same machine. The job
is a sweep of 50 guidance scales with 200 seeds, all done, each with a thumbnail of its own. Each view (the grid, the
list and its last page, the gallery) is opened and scrolled to its end, the gallery through 15 screens. Told are:
- the longest task of the page's main thread, as the browser traces it: its CPU time, which has the goal, since it is
  the same beside other programs, and for comparison how long it took by the clock;
- how many of the thumbnails that a first visit fetched go over the network again on a second one.
"""

import argparse
import io
import json
import logging
import os
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import structlog
from PIL import Image
from playwright.sync_api import BrowserContext, Page, sync_playwright
from sqlalchemy import insert, select, update

from farm.accounts import create_user, sign_in_link
from farm.connections import Connections
from farm.database import read, write
from farm.ids import new_id
from farm.storage_keys import ArtifactKind, artifact_key
from farm.tables import Artifact, Job, Render
from tests.benchmarks.api import MODEL, PROMPT
from tests.benchmarks.backlogs import tidy
from tests.benchmarks.own_dashboard import farm_with_dashboard
from tests.benchmarks.own_storage import own_storage
from tests.benchmarks.own_valkey import own_valkey
from tests.benchmarks.report import Report
from tests.dashboard.test_browser import ARGUMENTS, CHROMIUM

LONGEST_BLOCK, MOST_FETCHED = 100.0, 0.0  # milliseconds, thumbnails
COLUMNS, SCREENS, SCROLL = 50, 15, 700  # guidance scales, of the gallery, pixels
_SIZE, _INSERTED, _AT_ONCE = 128, 1_000, 16
_TRACED = ["toplevel", "disabled-by-default-lighthouse", "devtools.timeline"]


def main() -> None:
    """Measure, print, and write build/bench/dashboard-10k.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--renders", type=int, default=10_000)
    parser.add_argument("--quick", action="store_true", help="few renders: does it run?")
    asked = parser.parse_args()
    renders = 500 if asked.quick else asked.renders
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    report = Report("dashboard-10k", {"renders": renders, "viewport": [1280, 800], "processes": 1})
    with (
        tempfile.TemporaryDirectory(prefix="farm-bench-") as folder,
        own_valkey(Path(folder)) as redis_url,
        own_storage(Path(folder)) as storage,
        farm_with_dashboard(Path(folder), redis_url, f"sqlite:///{folder}/farm.sqlite3", **storage) as farm,
    ):
        user_id = create_user(farm.connections.engine, farm.project_id, "visitor")
        asking = {"guidance_scale": [1 + place / 10 for place in range(COLUMNS)], "seed_count": renders // COLUMNS}
        answer = farm.client.post("/api/v1/jobs", json={"model": MODEL, "prompt": PROMPT, **asking})
        job = answer.json()["job"]["id"]
        _finish(farm.connections, job)
        address = str(farm.client.base_url).rstrip("/")
        _visit_twice(report, sign_in_link(farm.connections.engine, user_id, address), address, job)
    report.write()


def _finish(connections: Connections, job_id: str) -> None:
    """Every render done, with an output and a thumbnail of its own in the storage."""
    with read(connections.engine) as connection:
        rows = connection.execute(
            select(Render.id, Render.project_id, Render.index).where(Render.job_id == job_id)
        ).all()
    now = connections.clock()

    def store(row: Any) -> dict[str, Any]:
        picture = io.BytesIO()
        colour = (row[2] * 7 % 256, row[2] * 3 % 256, row[2] // 40 % 256)
        Image.new("RGB", (_SIZE, _SIZE), colour).save(picture, "WEBP")
        key = artifact_key(row.project_id, job_id, row.id, 0, "thumbnail.webp")
        stored = connections.storage.put(key, picture.getvalue(), "image/webp")
        file = {"key": key, "content_type": "image/webp", "size": stored.size, "sha256": stored.sha256}
        return {"render_id": row.id, "attempt": 0, "width": _SIZE, "height": _SIZE, "created_at": now, **file}

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        files = list(pool.map(store, rows))
    kinds = (ArtifactKind.THUMBNAIL, ArtifactKind.OUTPUT)
    artifacts = [
        {**file, "id": new_id(), "kind": kind.value, "key": file["key"] if kind is kinds[0] else file["key"] + ".png"}
        for file in files
        for kind in kinds
    ]
    for first in range(0, len(artifacts), _INSERTED):
        with write(connections.engine) as connection:
            connection.execute(insert(Artifact), artifacts[first : first + _INSERTED])
    with write(connections.engine) as connection:
        connection.execute(update(Render).where(Render.job_id == job_id).values(status="done", finished_at=now))
        ended = {"status": "done", "finished_at": now, "renders_done": Job.renders_total}
        connection.execute(update(Job).where(Job.id == job_id).values(ended))
    tidy(connections.engine)


def _visit_twice(report: Report, link: str, address: str, job: str) -> None:
    last = -(-int(report.configuration["renders"]) // 60)
    views = {
        "grid": f"/jobs/{job}?view=grid",
        "list": f"/jobs/{job}?view=list",
        "list, last page": f"/jobs/{job}?view=list&page={last}",
        "gallery": "/gallery",
    }
    with sync_playwright() as playwright:
        arguments = [*ARGUMENTS, "--no-sandbox"] if os.geteuid() == 0 else ARGUMENTS
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        with _page(context) as page:
            page.goto(link)
            page.get_by_role("button", name="Sign in").click()
            page.wait_for_url("**/jobs")
        known = set[str]()
        for what, path in views.items():
            tasks, fetched = _visit(context, address + path)
            report.samples[f"{what}: CPU time of the longest tasks, ms"] = sorted(
                (cpu for cpu, _ in tasks), reverse=True
            )[:20]
            report.aim(f"{what}: longest task of the main thread, CPU ms", max(tasks)[0], "<=", LONGEST_BLOCK)
            report.measure(f"{what}: longest task by the clock, ms", max(wall for _, wall in tasks))
            report.measure(f"{what}: thumbnails fetched on the first visit", len(fetched))
            known |= fetched
        for what, path in views.items():
            _, fetched = _visit(context, address + path)
            report.aim(
                f"{what}: thumbnails fetched again on the second visit", len(fetched & known), "<=", MOST_FETCHED
            )
        browser.close()


@contextmanager
def _page(context: BrowserContext) -> Iterator[Page]:
    page = context.new_page()
    page.set_default_timeout(120_000)
    try:
        yield page
    finally:
        page.close()


def _visit(context: BrowserContext, address: str) -> tuple[list[tuple[float, float]], set[str]]:
    """Open a page, scroll it to its end; its tasks in ms of CPU and by the clock, and which thumbnails were fetched."""
    with _page(context) as page:
        session = context.new_cdp_session(page)
        session.send("Network.enable")
        from_memory, fetched = set[str](), dict[str, str]()
        session.on("Network.requestServedFromCache", lambda event: from_memory.add(event["requestId"]))

        def came(event: dict[str, Any]) -> None:
            if event["type"] == "Image" and not event["response"].get("fromDiskCache"):
                fetched[event["requestId"]] = event["response"]["url"]

        session.on("Network.responseReceived", came)
        browser = context.browser
        assert browser is not None
        browser.start_tracing(page=page, categories=_TRACED)
        page.goto(address)
        page.wait_for_load_state("networkidle")
        page.mouse.move(640, 400)
        for _ in range(SCREENS if "/gallery" in address else 1_000):
            page.mouse.wheel(0, SCROLL)
            page.wait_for_timeout(60)
            if page.evaluate("scrollY + innerHeight >= document.documentElement.scrollHeight - 2"):
                page.wait_for_timeout(400)  # the gallery fetches more
                if page.evaluate("scrollY + innerHeight >= document.documentElement.scrollHeight - 2"):
                    break
        page.wait_for_load_state("networkidle")
        tasks = _tasks(json.loads(browser.stop_tracing())["traceEvents"], address)
    # Without what signs a link, which differs each time.
    return tasks, {urlsplit(url).path for id_, url in fetched.items() if id_ not in from_memory and "thumbnail" in url}


def _tasks(events: list[dict[str, Any]], address: str) -> list[tuple[float, float]]:
    """The tasks of the page's main thread: CPU and clock, in ms. Chromium's own windows are pages as well."""
    ours = {e["pid"] for e in events if e["name"] == "CommitLoad" and e["args"]["data"].get("url") == address}
    mains = {
        (event["pid"], event["tid"])
        for event in events
        if event["name"] == "thread_name" and event["args"]["name"] == "CrRendererMain" and event["pid"] in ours
    }
    return [
        (event.get("tdur", 0) / 1000, event["dur"] / 1000)
        for event in events
        if event["name"].endswith("RunTask") and "dur" in event and (event["pid"], event["tid"]) in mains
    ]


if __name__ == "__main__":
    main()
