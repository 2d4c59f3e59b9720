"""Admission: a request becomes a job and its renders in one transaction; pools are rung after the commit.

Nothing is in SQL before the commit, and everything is after it: a crash in the middle leaves no trace, a
crash after it costs only the rings, which the supervisor and idle workers make good.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypedDict

import structlog

from farm.connections import Connections
from farm.database import read, write
from farm.errors import IdempotencyMismatch, InvalidRequest
from farm.params import JobRequest, Resolved, resolve
from farm.progress import JobChanged
from farm.quota_errors import BudgetSpent, QuotaExceeded
from farm.traces.tracer import SUBMIT, Span
from scheduler.admission.dependencies import initial
from scheduler.admission.feasibility import absence, check_can_run, check_can_sign, missing_weights
from scheduler.admission.idempotency import Key, check_key, find_job, notices_of, seeds_of
from scheduler.admission.insert_job import SameKeyCommitted, insert_job
from scheduler.admission.render_rows import FEW_ROWS, job_row, render_rows
from scheduler.admission.running_verification import refuse_a_second
from scheduler.admission.standing import read_standing
from scheduler.fleet.wake_workers import notify, ring
from scheduler.uploads import finder, mark_used

log = structlog.get_logger(__name__)

#: Drawn seeds stay short enough to be read out and typed again.
DRAWN_SEEDS = 2**32
#: A request that may be accepted, and its renders.
Checked = tuple[JobRequest, Resolved]


@dataclass(frozen=True)
class Submitted:
    """The job that a request became. `replayed`: an earlier request with the same key had made it already."""

    job_id: str
    notices: list[str]
    seeds: list[int]  # of the renders, by index
    replayed: bool = False


class Sent(TypedDict):
    """Who sent a request, and by what it is known when it comes again; the hash is hexadecimal."""

    project_id: str
    idempotency_key: str | None
    body_sha256: str


def submit(
    connections: Connections,
    *,
    project_id: str,
    user_id: str | None,
    request: JobRequest,
    idempotency_key: str | None,
    body_sha256: str,
    resolved: Resolved | None = None,
    remixed_from_id: str | None = None,
    verifies_id: str | None = None,
) -> Submitted:
    """Accept a request: when this returns its job is committed, and its renders may be claimed.

    With an `idempotency_key` the same request makes one job however often it comes, also several times at
    once. `resolved`: the renders of the request, from a caller that had to look at them already.
    `remixed_from_id`: the render that this is the same of with another prompt, where that is so.
    `verifies_id`: the render that this is asked to be the very same as.

    Raises:
        InvalidRequest: the request breaks rules; every fault is listed. UnknownModel is one kind of it.
        IdempotencyMismatch: the key made another job from another body (`body_sha256`, hexadecimal).
        NotFound: there is no such project.
        QuotaExceeded, BudgetSpent: the project has as much as it may.
        VerificationUnderWay: the render of `verifies_id` is rendered again already.
    """
    key = check_key(project_id, idempotency_key, body_sha256)
    if key is not None and (earlier := _replay(connections, key)) is not None:
        return earlier

    now = connections.clock()
    entry = connections.catalog.model(request.model)
    resolved = resolved or resolve(
        request,
        entry,
        max_renders=connections.settings.max_renders_per_job,
        draw_seed=draw_seed,
        now=now,
        find_input=finder(connections, project_id),
    )
    check_can_run(connections.catalog, entry)
    check_can_sign(connections, project_id, now)
    standing = read_standing(connections, project_id, entry, request.class_name, now)
    notices = [
        *resolved.notices,
        *missing_weights(request, connections.settings),
        *absence(entry, standing.targets),
    ]
    job = job_row(request, entry, resolved.renders, project_id=project_id, user_id=user_id, now=now)
    make = partial(render_rows, job, entry, resolved.renders, standing.estimator)
    renders = make() if len(resolved.renders) <= FEW_ROWS else connections.cpu_work(make)
    job |= {"remixed_from_id": remixed_from_id, "verifies_id": verifies_id}
    job["estimate"] = sum(row["estimate"] for row in renders)
    hold = initial(request, now)
    try:
        with write(connections.engine) as connection:
            if verifies_id is not None:
                refuse_a_second(connection, project_id, verifies_id)
            mark_used(connection, resolved.renders, now)
            held = insert_job(connection, job, renders, standing, notices, key, hold)
    except (QuotaExceeded, BudgetSpent):
        # A repeated submission hears of its job, not of the quota that this very job has just filled.
        if key is not None and (winner := _replay(connections, key)) is not None:
            return winner
        raise
    except SameKeyCommitted:
        winner = _replay(connections, key) if key is not None else None
        assert winner is not None, "a key that is taken belongs to a committed job"
        return winner

    changed = JobChanged(job_id=job["id"], project_id=project_id, version=job["version"])
    notify(connections, lanes=[entry.lane], changed=[changed])
    if not held:
        ring(connections, standing.targets, len(renders))
    facts: dict[str, str | int | float] = {
        "farm.model": entry.name, "farm.lane": entry.lane, "farm.renders": len(renders)
    }  # fmt: skip
    connections.traces.add(Span("submit", job["id"], SUBMIT, now, connections.clock(), attributes=facts))
    log.info("submitted", job_id=job["id"], lane=entry.lane, renders=len(renders))
    return Submitted(job["id"], notices, resolved.renders.seeds)


def checked(connections: Connections, sent: Sent, check: Callable[[], Checked]) -> Checked | Submitted:
    """What a check makes of a request that was sent; where it refuses it, the job that this very request made before.

    Sent again because its answer was lost, a request is not wrong for what has changed since: a deadline that has
    passed, an upload or a model that is gone.

    Raises InvalidRequest, as `check` does: it made no job.
    """
    try:
        return check()
    except InvalidRequest:
        if (made := _accepted_before(connections, sent)) is None:
            raise
        return made


def _accepted_before(connections: Connections, sent: Sent) -> Submitted | None:
    try:
        key = check_key(sent["project_id"], sent["idempotency_key"], sent["body_sha256"])
        return None if key is None else _replay(connections, key)
    except (InvalidRequest, IdempotencyMismatch):
        return None  # it has faults of its own


def draw_seed() -> int:
    """A seed for a render whose request names none."""
    return secrets.randbelow(DRAWN_SEEDS)


def _replay(connections: Connections, key: Key) -> Submitted | None:
    with read(connections.engine) as connection:
        job_id = find_job(connection, key)
        if job_id is None:
            return None
        return Submitted(job_id, notices_of(connection, job_id), seeds_of(connection, job_id), replayed=True)
