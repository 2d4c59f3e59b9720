"""The HTTP API against what lies below it, and its ways of asking against each other, on both databases.

    make bench NAME=api        about four minutes on two quiet cores
    .venv/bin/python -m tests.benchmarks.api [--jobs 100000] [--rounds 30] [--quick]

`farm dashboard` in one process, one client with one connection, everything in turns. Told are:
- a job of one render over HTTP against the same admission without HTTP, and a hundred of them against one job of a
  hundred prompts;
- reads that send the ETag of before against those that do not: their time, and the bytes of a page of jobs;
- the first page of a project's jobs through a filter that nearly all of them pass, and through filters that 20 pass,
  spread over all, against the page without a filter. Such a page walks over all jobs of the project.
"""

import argparse
import json
import logging
import secrets
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import structlog
from sqlalchemy import insert, select

from farm.accounts import create_user
from farm.connections import Connections
from farm.database import read, write
from farm.ids import new_id
from farm.params import check_and_resolve, parse_json_body
from farm.tables import Flow, Job
from scheduler.admission.submit import draw_seed, submit
from tests.benchmarks.backlogs import tidy
from tests.benchmarks.own_dashboard import BenchFarm, farm_with_dashboard
from tests.benchmarks.own_valkey import own_valkey
from tests.benchmarks.report import Report
from tests.databases import running_postgres

MODEL, PROMPT, RARE = "sana-demo", "a red circle on a blue background", "a green star that hardly anybody asks for"
FOUND = 20
#: How much HTTP may add to an admission, and what a page through a filter may cost.
MOST_OF_ADMISSION, MOST_OF_COMMON, MOST_OF_RARE = 3.0, 1.5, 25.0
#: A hundred prompts in one job, of a hundred jobs; an answer 304, of the whole one: its time and its bytes.
MOST_OF_ONE_JOB, MOST_OF_TAGGED, MOST_OF_BYTES = 0.1, 1.1, 0.05
_INSERTED = 5_000  # rows at once


def main() -> None:
    """Measure, print, and write build/bench/api.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--quick", action="store_true", help="few jobs and rounds: does it run?")
    asked = parser.parse_args()
    if asked.quick:
        asked.jobs, asked.rounds = 2_000, 5
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    report = Report("api", {"jobs": asked.jobs, "rounds": asked.rounds, "model": MODEL, "processes": 1})
    with (
        tempfile.TemporaryDirectory(prefix="farm-bench-") as folder,
        own_valkey(Path(folder)) as redis_url,
        running_postgres() as server,
    ):
        server.execute("CREATE DATABASE bench")
        for name, url in (("postgresql", server.url("bench")), ("sqlite", f"sqlite:///{folder}/farm.sqlite3")):
            with farm_with_dashboard(Path(folder), redis_url, url) as farm:
                _measure(report, name, farm, asked.jobs, asked.rounds)
    report.write()


def _measure(report: Report, name: str, farm: BenchFarm, jobs: int, rounds: int) -> None:
    user_id = create_user(farm.connections.engine, farm.project_id, "rare")
    _submissions(report, name, farm.client, farm.connections, farm.project_id, rounds)
    _fill(farm.connections, farm.project_id, user_id, jobs)
    _tags(report, name, farm.client, rounds)
    _filters(report, name, farm.client, rounds)


def _submissions(
    report: Report, name: str, client: httpx.Client, connections: Connections, project_id: str, rounds: int
) -> None:
    """One by one over HTTP, the same without HTTP, and all at once."""
    one, many = _body(PROMPT), _body(*(f"{PROMPT}, plate {number}" for number in range(100)))
    taken = _in_turns(
        rounds,
        {
            "over HTTP": lambda: _post(client, one),
            "without HTTP": lambda: _admit(connections, project_id, one),
            "a hundred in one": lambda: _post(client, many),
        },
    )
    http, bare, whole = taken["over HTTP"], taken["without HTTP"], taken["a hundred in one"]
    _aim(report, f"{name}: a job over HTTP / the same without", http, bare, MOST_OF_ADMISSION)
    hundred = [100 * seconds for seconds in http]
    _aim(report, f"{name}: a job of 100 prompts / 100 jobs one by one", whole, hundred, MOST_OF_ONE_JOB)


def _tags(report: Report, name: str, client: httpx.Client, rounds: int) -> None:
    """Reads with and without the ETag of before."""
    page = "/api/v1/jobs?limit=100"
    whole = client.get(page)
    job = f"/api/v1/jobs/{whole.json()['items'][0]['id']}"
    tags = {path: {"If-None-Match": client.get(path).headers["ETag"]} for path in (job, page)}
    for what, path in (("a job", job), ("100 jobs", page)):
        taken = _in_turns(
            rounds,
            {"whole": lambda path=path: _get(client, path), "304": lambda path=path: _get(client, path, tags[path])},  # type: ignore[misc]
        )
        _aim(report, f"{name}: {what} with ETag / without, time", taken["304"], taken["whole"], MOST_OF_TAGGED)
    same = client.get(page, headers=tags[page])
    assert same.status_code == httpx.codes.NOT_MODIFIED
    report.aim(f"{name}: 100 jobs with ETag / without, bytes", _bytes(same) / _bytes(whole), "<=", MOST_OF_BYTES)


def _filters(report: Report, name: str, client: httpx.Client, rounds: int) -> None:
    """Pages of jobs through filters against a page without."""
    page = f"/api/v1/jobs?limit={FOUND}"
    rare = {"status": "status=failed", "text": "text=GREEN%20star", "user": "user=rare"}
    for filtered in rare.values():
        found = client.get(f"{page}&{filtered}").json()
        assert len(found["items"]) == FOUND, found
    ways: dict[str, Callable[[], None]] = {"": lambda: _get(client, page)}
    ways["common"] = lambda: _get(client, f"{page}&status=done")
    for what, filtered in rare.items():
        ways[what] = lambda filtered=filtered: _get(client, f"{page}&{filtered}")  # type: ignore[misc]
    taken = _in_turns(rounds, ways)
    _aim(report, f"{name}: page, filter of nearly all / none", taken["common"], taken[""], MOST_OF_COMMON)
    for what in rare:
        _aim(report, f"{name}: page, {FOUND} of all by {what} / none", taken[what], taken[""], MOST_OF_RARE)


def _in_turns(rounds: int, ways: dict[str, Callable[[], None]]) -> dict[str, list[float]]:
    """Seconds of each way, round by round; the first round warms up."""
    taken: dict[str, list[float]] = {way: [] for way in ways}
    for number in range(rounds + 1):
        for way, do in ways.items():
            began = time.perf_counter()
            do()
            if number:
                taken[way].append(time.perf_counter() - began)
    return taken


def _aim(report: Report, what: str, ours: list[float], theirs: list[float], most: float) -> None:
    median = report.sample(f"{what}, each round", [a / b for a, b in zip(ours, theirs, strict=True)])
    report.aim(what, median, "<=", most)


def _body(*prompts: str) -> bytes:
    return json.dumps({"model": MODEL, "prompt": prompts[0] if len(prompts) == 1 else prompts}).encode()


def _post(client: httpx.Client, body: bytes) -> None:
    answer = client.post("/api/v1/jobs", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == httpx.codes.CREATED, answer.text


def _get(client: httpx.Client, path: str, headers: dict[str, str] | None = None) -> None:
    answer = client.get(path, headers=headers)
    assert answer.status_code == (httpx.codes.NOT_MODIFIED if headers else httpx.codes.OK), answer.text


def _bytes(answer: httpx.Response) -> int:
    return len(answer.content) + sum(len(name) + len(value) + 4 for name, value in answer.headers.raw)


def _admit(connections: Connections, project_id: str, body: bytes) -> None:
    """What the dashboard does with the bytes of a submission, from the parsing to the rings."""
    most = connections.settings.max_renders_per_job
    document = parse_json_body(body, connections.settings.max_body_bytes)
    request, resolved = check_and_resolve(document, connections.catalog, max_renders=most, draw_seed=draw_seed)
    submit(
        connections,
        project_id=project_id,
        user_id=None,
        request=request,
        idempotency_key=secrets.token_hex(),
        body_sha256="0" * 64,
        resolved=resolved,
    )


def _fill(connections: Connections, project_id: str, user_id: str, jobs: int) -> None:
    """So many ended jobs of the project, of which FOUND failed, say something else, and are of another person."""
    with read(connections.engine) as connection:
        flow = connection.execute(select(Flow.id, Flow.lane).where(Flow.project_id == project_id)).one()
    now, every = connections.clock(), jobs // FOUND
    for first in range(0, jobs, _INSERTED):
        rows = [
            {
                "id": new_id(),
                "project_id": project_id,
                "user_id": user_id if place % every == 0 else None,
                "flow_id": flow.id,
                "lane": flow.lane,
                "model": MODEL,
                "title": RARE if place % every == 0 else f"{PROMPT}, plate {place}",
                "status": "failed" if place % every == 0 else "done",
                "version": 2,
                "request": {"model": MODEL, "prompt": PROMPT},
                "renders_total": 1,
                "renders_done": int(place % every != 0),
                "renders_failed": int(place % every == 0),
                "created_at": now,
                "finished_at": now,
            }
            for place in range(first, min(jobs, first + _INSERTED))
        ]
        with write(connections.engine) as connection:
            connection.execute(insert(Job), rows)
    tidy(connections.engine)


if __name__ == "__main__":
    main()
