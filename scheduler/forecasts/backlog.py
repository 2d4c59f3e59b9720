"""How much work waits: renders and GPU-seconds of a lane and of each of its flows, from the counters of jobs.

No pending render is looked at, so it costs the same for ten thousand and for a million of them: one statement over
the unfinished jobs of the lane (index `ix_jobs_unfinished`) and the drafts that wait for a choice and not for a worker
(`ix_renders_drafted`), and one over the running renders (index `ix_renders_running`). A job's GPU-seconds are spread
evenly over its renders, which is exact where they are alike.
"""

from dataclasses import dataclass, field
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, case, exists, func, literal_column, or_, select

from farm.lifecycle import JobStatus
from farm.tables import Dependency, Flow, Job, Lane, Render

#: How much of a running render is still to be done, on the average of many.
LEFT_OF_RUNNING = 0.5


@dataclass(frozen=True)
class Work:
    """So many renders, and the GPU-seconds that they are estimated to take."""

    renders: int = 0
    gpu_seconds: float = 0.0

    def __add__(self, other: "Work") -> "Work":
        return Work(self.renders + other.renders, self.gpu_seconds + other.gpu_seconds)


@dataclass(frozen=True)
class FlowBacklog:
    """What one flow has waiting, running, and held back (paused, not before its time, after another job)."""

    flow_id: str
    project_id: str
    class_name: str
    weight: float
    waiting: Work
    running: Work  # gpu_seconds: what is left of them
    held: Work
    oldest_at: float | None  # when the oldest job with waiting renders was submitted


@dataclass(frozen=True)
class Backlog:
    """What a lane has to do now. `renders` and `gpu_seconds` wait for a worker; what may not run is in `held`."""

    lane: str
    renders: int = 0
    gpu_seconds: float = 0.0
    running: Work = Work()
    held: Work = Work()
    oldest_at: float | None = None
    by_flow: dict[str, FlowBacklog] = field(default_factory=dict)

    def oldest_wait(self, now: float) -> float:
        """Seconds since the oldest job that has waiting renders was submitted; 0 when nothing waits."""
        return max(0.0, now - self.oldest_at) if self.oldest_at is not None else 0.0


def backlog(connection: Connection, lane: str, now: float) -> Backlog:
    """What this lane has to do; empty for a lane that nobody knows. Two statements."""
    return backlogs(connection, now, lane).get(lane, Backlog(lane))


def backlogs(connection: Connection, now: float, lane: str | None = None) -> dict[str, Backlog]:
    """What every lane with unfinished jobs has to do (or only `lane`). Two statements."""
    running = _running(connection, lane)
    found: dict[str, list[FlowBacklog]] = {}
    for row in connection.execute(_unfinished(lane is not None), {"now": now} | _of(lane)):
        found.setdefault(row.lane, []).append(_flow(row, running.get(row.flow_id, Work())))
    return {name: _total(name, flows) for name, flows in found.items()}


def _of(lane: str | None) -> dict[str, str]:
    return {} if lane is None else {"of_lane": lane}


@cache
def _unfinished(of_lane: bool) -> Any:
    """Per flow: renders and GPU-seconds of its unfinished jobs that may run now, and of those that may not."""
    # Literals, so that the partial indexes are used: what is in them is little, all other renders may be many.
    is_drafted = Render.status == literal_column("'drafted'")
    drafts = select(Render.job_id, func.count().label("renders")).where(is_drafted).group_by(Render.job_id).subquery()
    unended = Job.renders_total - Job.renders_done - Job.renders_failed - Job.renders_cancelled - Job.renders_expired
    left = unended - func.coalesce(drafts.c.renders, 0)
    seconds = case((Job.renders_total > 0, Job.estimate * left / Job.renders_total), else_=0.0)
    held = _held()
    statement = (
        select(
            Job.lane,
            Job.flow_id,
            Flow.project_id,
            Flow.class_name,
            Flow.weight,
            func.sum(case((held, 0), else_=left)).label("free_renders"),
            func.sum(case((held, 0.0), else_=seconds)).label("free_seconds"),
            func.sum(case((held, left), else_=0)).label("held_renders"),
            func.sum(case((held, seconds), else_=0.0)).label("held_seconds"),
            func.min(case((and_(~held, left > 0), Job.created_at), else_=None)).label("oldest_at"),
        )
        .join(Flow, Flow.id == Job.flow_id)
        .join(Lane, Lane.name == Job.lane)
        .outerjoin(drafts, drafts.c.job_id == Job.id)
        .where(Job.finished_at.is_(None), Job.ending.is_(None))
        .group_by(Job.lane, Job.flow_id, Flow.project_id, Flow.class_name, Flow.weight)
    )
    return statement.where(Job.lane == bindparam("of_lane")) if of_lane else statement


def _held() -> ColumnElement[bool]:
    waits_for_another = exists().where(Dependency.job_id == Job.id, Dependency.resolved_at.is_(None))
    return or_(
        Job.status == JobStatus.PAUSED.value,
        and_(Job.not_before.is_not(None), Job.not_before > bindparam("now")),
        Flow.paused_at.is_not(None),
        Lane.paused_at.is_not(None),
        waits_for_another,
    )


def _running(connection: Connection, lane: str | None) -> dict[str, Work]:
    rows = connection.execute(_running_flows(lane is not None), _of(lane))
    return {row.flow_id: Work(row.renders, float(row.seconds) * LEFT_OF_RUNNING) for row in rows}


@cache
def _running_flows(of_lane: bool) -> Any:
    statement = select(Render.flow_id, func.count().label("renders"), func.sum(Render.estimate).label("seconds"))
    statement = statement.where(Render.status == literal_column("'running'")).group_by(Render.flow_id)
    return statement.where(Render.lane == bindparam("of_lane")) if of_lane else statement


def _flow(row: Any, running: Work) -> FlowBacklog:
    """A flow's unfinished renders, less those that run. Both were read one after the other: never below 0."""
    free = Work(int(row.free_renders), float(row.free_seconds))
    held = Work(int(row.held_renders), float(row.held_seconds))
    # What was already running when its job or its flow was paused runs on.
    of_free = min(running.renders, free.renders)
    return FlowBacklog(
        flow_id=row.flow_id,
        project_id=row.project_id,
        class_name=row.class_name,
        weight=row.weight,
        waiting=_less(free, of_free),
        running=running,
        held=_less(held, min(running.renders - of_free, held.renders)),
        oldest_at=row.oldest_at if free.renders > of_free else None,
    )


def _less(work: Work, renders: int) -> Work:
    left = work.renders - renders
    return Work(left, work.gpu_seconds * left / work.renders) if left > 0 else Work()


def _total(lane: str, flows: list[FlowBacklog]) -> Backlog:
    waiting = sum((flow.waiting for flow in flows), Work())
    return Backlog(
        lane=lane,
        renders=waiting.renders,
        gpu_seconds=waiting.gpu_seconds,
        running=sum((flow.running for flow in flows), Work()),
        held=sum((flow.held for flow in flows), Work()),
        oldest_at=min((flow.oldest_at for flow in flows if flow.oldest_at is not None), default=None),
        by_flow={flow.flow_id: flow for flow in flows},
    )
