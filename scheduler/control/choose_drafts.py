"""Drafts: renders that stopped at a step go on when somebody chooses them; with the same call their siblings end.

What goes on is pending again and begins at its checkpoint, on any worker. Its parameters say no more where to stop, so
that it comes to its end whatever happens on the way, and its manifest is that of an undivided render.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, select, update

from farm.connections import Connections
from farm.database import read, write
from farm.errors import Conflict, Fault, InvalidRequest, NotFound
from farm.ids import is_id
from farm.lifecycle import JobStatus, RenderStatus
from farm.params import parse_parameters
from farm.tables import Job, Render
from scheduler.accounting import quotas
from scheduler.control.bulk_transition import LockedRender, lock_renders, move, wake_flows
from scheduler.control.end_renders import Ending, end_renders
from scheduler.control.job_update import enter, lock_status
from scheduler.control.lookup import FoundJob, find_job_to_change
from scheduler.control.release_renders import ring_for
from scheduler.estimates.initial_estimate import forwards, passes_until
from scheduler.fleet.wake_workers import notify

#: Renders in one call: each is locked until all are written.
MOST_KEPT = 500
_STOPPED = Ending(RenderStatus.CANCELLED, "Another one was kept.")
#: A render in one of these has gone on already, if nothing says that it is still to stop.
_GOING_ON = frozenset({RenderStatus.PENDING, RenderStatus.HELD, RenderStatus.RUNNING, RenderStatus.DONE})


class Siblings(StrEnum):
    """Which other renders end when one is kept."""

    PROMPT = "prompt"  # those of the job with the same prompt
    JOB = "job"  # all of the job


@dataclass(frozen=True)
class Chosen:
    """How many renders go on from their draft, and how many others were stopped."""

    kept: int
    stopped: int


@dataclass(frozen=True)
class _Draft:
    """A render that is to be kept, as it was a moment ago."""

    id: str
    status: RenderStatus
    parameters: dict[str, Any]
    estimate: float  # GPU-seconds up to the draft

    @property
    def remaining(self) -> float:
        """GPU-seconds from the draft to the end, as far as the first part tells."""
        taken = passes_until(self.parameters["sampler"], self.parameters["stop_at_step"])
        whole = forwards(parse_parameters(self.parameters | {"stop_at_step": None}))
        return float(self.estimate * max(whole - taken, 0) / taken)


def keep_drafts(
    connections: Connections,
    job_id: str,
    render_ids: Sequence[str],
    project_id: str | None = None,
    *,
    stop: Siblings | None = None,
) -> Chosen:
    """Let these drafts of a job go on; with `stop`, cancel their siblings. What goes on already may be kept again.

    Raises:
        NotFound: the project (None: an operator) sees no such job, or the job has no such render.
        Conflict: one of them has no draft yet, or has ended without being done.
        InvalidRequest: no renders are named, or too many.
        QuotaExceeded, BudgetSpent: the project may not have the rest rendered.
    """
    if not 0 < len(render_ids) <= MOST_KEPT:
        raise InvalidRequest([Fault("/renders", f"must hold 1 to {MOST_KEPT} ids; seen {len(render_ids):,}")])
    with read(connections.engine) as connection:
        job = find_job_to_change(connection, job_id, project_id)
        found = _find(connection, job, render_ids)
    drafts = [draft for draft in found if draft.status is RenderStatus.DRAFTED]
    kept = _go_on(connections, job, drafts) if drafts else 0
    stopped = end_renders(connections, job.id, _STOPPED, *_siblings(found, stop)) if stop else 0
    return Chosen(kept, stopped)


def _find(connection: Connection, job: FoundJob, render_ids: Sequence[str]) -> list[_Draft]:
    columns = (Render.id, Render.status, Render.parameters, Render.estimate)
    known = [id_ for id_ in render_ids if is_id(id_)]
    rows = {
        row.id: _Draft(row.id, RenderStatus(row.status), row.parameters, float(row.estimate))
        for row in connection.execute(select(*columns).where(Render.id.in_(known), Render.job_id == job.id))
    }
    for render_id in render_ids:
        draft = rows.get(render_id)
        if draft is None:
            raise NotFound(f"Job {job.id} has no render {render_id[:40]!r}.")
        if draft.status is RenderStatus.DRAFTED:
            continue
        if draft.status not in _GOING_ON:
            raise Conflict(f"Render {draft.id} has ended ({draft.status}); it cannot go on any more.")
        if draft.parameters.get("stop_at_step") is not None:
            raise Conflict(f"Render {draft.id} is {draft.status}; it has no draft yet.")
    return list(rows.values())


def _siblings(kept: Collection[_Draft], stop: Siblings) -> list[ColumnElement[bool]]:
    others: list[ColumnElement[bool]] = [Render.id.not_in([draft.id for draft in kept])]
    if stop is Siblings.PROMPT:
        prompts = {draft.parameters["prompt"] for draft in kept}
        others.append(Render.parameters["prompt"].as_string().in_(sorted(prompts)))
    return others


def _go_on(connections: Connections, job: FoundJob, drafts: Sequence[_Draft]) -> int:
    """drafted → pending, or held while the job is paused; those that somebody else chose meanwhile are left out."""
    by_id = {draft.id: draft for draft in drafts}
    now = connections.clock()
    with write(connections.engine) as connection:
        rest = sum(draft.remaining for draft in drafts)
        # Renders that wait as drafts are counted as waiting already: only what they will cost is new.
        quotas.check_admission(connection, job.project_id, renders=0, gpu_seconds=rest, now=now, lane=job.lane)
        renders = lock_renders(
            connection, Render.job_id == job.id, Render.id.in_(by_id), status=[RenderStatus.DRAFTED], limit=MOST_KEPT
        )
        if not renders:
            return 0
        move(connection, renders, RenderStatus.PENDING, reason=None)
        chosen = [by_id[render.id] for render in renders]
        connection.execute(_WITHOUT_STOP, [_values(draft) for draft in chosen])
        paused = lock_status(connection, job.id) is JobStatus.PAUSED
        grown = Job.estimate + sum(draft.remaining for draft in chosen)
        connection.execute(update(Job).where(Job.id == job.id).values(estimate=grown))
        changed = enter(connection, job.id, "kept", indexes=[render.index for render in renders], now=now)
        pending = [replace(render, status=RenderStatus.PENDING) for render in renders]
        if paused:
            move(connection, pending, RenderStatus.HELD)
        else:
            wake_flows(connection, pending)
    lanes = _lanes(connections, renders)
    notify(connections, lanes=lanes, changed=[changed])
    for lane in lanes:
        ring_for(connections, lane, 0 if paused else len(renders))
    return len(renders)


#: By primary key; the row is locked.
_WITHOUT_STOP = (
    update(Render)
    .where(Render.id == bindparam("of_render"))
    .values(
        parameters=bindparam("new_parameters", type_=Render.parameters.type),
        estimate=bindparam("new_estimate", type_=Render.estimate.type),
    )
)


def _values(draft: _Draft) -> dict[str, Any]:
    return {
        "of_render": draft.id,
        "new_parameters": draft.parameters | {"stop_at_step": None},
        "new_estimate": draft.remaining,
    }


def _lanes(connections: Connections, renders: Sequence[LockedRender]) -> Sequence[str]:
    """Where they wait: the lane in which they were drafted, also when their job was moved to another one since."""
    ids = [render.id for render in renders]
    with read(connections.engine) as connection:
        return connection.scalars(select(Render.lane).where(Render.id.in_(ids)).distinct()).all()
