"""What is true of the job database at every moment, whatever happened before; every breach is listed."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Engine, select

from farm.database import read
from farm.lifecycle import JOB_ENDED, TRANSITIONS, RenderStatus
from farm.tables import Artifact, Attempt, Dependency, Event, Flow, Job, Render


class Snapshot:
    """All rows of the tables that renders live in."""

    def __init__(self, engine: Engine) -> None:
        with read(engine) as connection:
            self.jobs, self.renders, self.attempts, self.artifacts, self.events, self.flows, self.dependencies = (
                connection.execute(select(table.__table__)).all()
                for table in (Job, Render, Attempt, Artifact, Event, Flow, Dependency)
            )
        self.statuses = {render.id: (RenderStatus(render.status), render.attempt) for render in self.renders}


def breaches(now: Snapshot, before: Snapshot | None = None) -> list[str]:
    """What is wrong, in words; an empty list when all is well."""
    return [
        *_jobs(now),
        *_events(now),
        *_renders(now),
        *_attempts(now),
        *_outputs(now),
        *_flows(now),
        *_waiting(now),
        *(_ways(now.statuses, before.statuses) if before else ()),
    ]


def _jobs(now: Snapshot) -> Iterator[str]:
    """Counters say what the rows say, and the status says what the counters say."""
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for render in now.renders:
        counts[render.job_id][render.status] += 1
    for job in now.jobs:
        found = counts[job.id]
        for status in ("done", "failed", "cancelled", "expired"):
            if getattr(job, f"renders_{status}") != found[status]:
                yield f"job counts {getattr(job, f'renders_{status}')} {status}, there are {found[status]}"
        if found.total() != job.renders_total:
            yield f"job has {found.total()} renders of {job.renders_total}"
        ended = sum(found[status] for status in ("done", "failed", "cancelled", "expired")) == job.renders_total
        if ended != (job.status in JOB_ENDED) or ended != (job.finished_at is not None):
            yield f"job is {job.status}, finished at {job.finished_at}, with {dict(found)}"
        if job.status == "paused" and found["pending"]:
            yield f"job is paused with {found['pending']} pending"
        if job.status == "done" and found["done"] != job.renders_total:
            yield f"job is done with {dict(found)}"


def _events(now: Snapshot) -> Iterator[str]:
    """Numbered without a gap up to the job's version; nothing is told done twice."""
    told: defaultdict[str, list[Any]] = defaultdict(list)
    for event in now.events:
        told[event.job_id].append(event)
    for job in now.jobs:
        versions = sorted(event.version for event in told[job.id])
        if versions != list(range(1, job.version + 1)):
            yield f"job at version {job.version} has the events {versions}"
        done = Counter(index for event in told[job.id] if event.kind == "done" for index in event.payload["renders"])
        if done and max(done.values()) > 1:
            yield f"told done twice: {done}"


def _renders(now: Snapshot) -> Iterator[str]:
    """Each has its job and its flow; only running renders have a worker, a lease and a phase."""
    jobs, flows = {job.id for job in now.jobs}, {flow.id for flow in now.flows}
    for render in now.renders:
        if render.job_id not in jobs or render.flow_id not in flows:
            yield f"a {render.status} render has no job or no flow"
        held = [render.worker_id is not None, render.lease_until is not None, render.phase is not None]
        if held != [render.status == "running"] * 3:
            yield f"{render.status} render has worker, lease, phase: {held}"
        final = render.status in ("done", "failed", "cancelled", "expired")
        if final != (render.finished_at is not None):
            yield f"{render.status} render finished at {render.finished_at}"


def _attempts(now: Snapshot) -> Iterator[str]:
    """One open attempt while it runs, and none else; one done attempt when it is done, and none else."""
    by_render: defaultdict[str, list[Any]] = defaultdict(list)
    for attempt in now.attempts:
        by_render[attempt.render_id].append(attempt)
    for render in now.renders:
        attempts = by_render[render.id]
        opened = [attempt.number for attempt in attempts if attempt.outcome is None]
        if opened != ([render.attempt] if render.status == "running" else []):
            yield f"{render.status} render at attempt {render.attempt} has the open attempts {opened}"
        if any((attempt.outcome is None) != (attempt.ended_at is None) for attempt in attempts):
            yield "an attempt has an end without an outcome, or an outcome without an end"
        done = [attempt.number for attempt in attempts if attempt.outcome == "done"]
        if done != ([render.attempt] if render.status == "done" else []):
            yield f"{render.status} render at attempt {render.attempt} has the done attempts {done}"
        blamed = sum(attempt.outcome == "failed" for attempt in attempts)
        if render.failures > blamed:
            yield f"render has {render.failures} failures, but {blamed} attempts failed"
        if any(attempt.number > render.attempt for attempt in attempts):
            yield "an attempt is newer than its render"


def _outputs(now: Snapshot) -> Iterator[str]:
    """One output for a done render, under its attempt; none for any other."""
    outputs = Counter((artifact.render_id, artifact.attempt) for artifact in now.artifacts if artifact.kind == "output")
    expected = Counter((render.id, render.attempt) for render in now.renders if render.status == "done")
    if outputs != expected:
        yield f"outputs that should not be: {outputs - expected}; that are missing: {expected - outputs}"


def _flows(now: Snapshot) -> Iterator[str]:
    """A flow that has something pending competes, unless it is paused."""
    pending = {render.flow_id for render in now.renders if render.status == "pending"}
    for flow in now.flows:
        if flow.id in pending and flow.paused_at is None and not flow.backlogged:
            yield "a flow has something pending, and does not compete"


def _waiting(now: Snapshot) -> Iterator[str]:
    """What waits for a time or for another job is held; what may run waits for nothing."""
    waiting = {dependency.job_id for dependency in now.dependencies if dependency.resolved_at is None}
    for render in now.renders:
        if render.status == "pending" and render.eligible_at is not None:
            yield f"a render is pending, and has a time to wait for: {render.eligible_at}"
        if render.status in ("pending", "running", "done", "failed") and render.job_id in waiting:
            yield f"a render is {render.status}, and its job waits for another one"


#: What one call may do: one way of the table, or back to a paused job, which is two.
_IN_ONE_CALL = TRANSITIONS | {
    RenderStatus.RUNNING: TRANSITIONS[RenderStatus.RUNNING] | {RenderStatus.HELD},
}


def _ways(now: Mapping[str, tuple[RenderStatus, int]], before: Mapping[str, tuple[RenderStatus, int]]) -> Iterator[str]:
    """Every render went a way of the table or stayed; attempts never go back, and rise with each way but to done."""
    for id, (status, attempt) in before.items():
        status_now, attempt_now = now[id]
        if status_now is not status and status_now not in _IN_ONE_CALL[status]:
            yield f"a render went from {status} to {status_now}"
        raised = status_now is not status and status_now is not RenderStatus.DONE
        if attempt_now < attempt or (raised and attempt_now == attempt):
            yield f"a render went from {status} to {status_now}, its attempt from {attempt} to {attempt_now}"
