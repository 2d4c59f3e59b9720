"""A project's jobs that wait, in the order in which they are served: a line for each model and class."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, literal_column, select

from farm.tables import Flow, Job, Render

#: Jobs that a page of the queue shows, the first of each line first.
MOST_JOBS = 500
#: Running renders of a project of which pictures are shown, and of each job.
_MOST_RUNNING, _MOST_OF_A_JOB = 500, 4


@dataclass(frozen=True)
class QueuedJob:
    """A job that has not ended, with how many of its renders are still to come."""

    id: str
    title: str
    model: str
    status: str
    unfinished: int
    total: int


@dataclass(frozen=True)
class Line:
    """The jobs of one flow by (rank, id), as claims go through them."""

    lane: str
    class_name: str
    jobs: list[QueuedJob]

    @property
    def id(self) -> str:
        """Its name in a page."""
        return f"line-{self.lane}-{self.class_name}"


@dataclass(frozen=True)
class RunningRender:
    """A render that a worker has, and the shape of its picture."""

    id: str
    width: int
    height: int


@dataclass(frozen=True)
class RunningRenders:
    """How many renders of a job run, and the first of them."""

    count: int
    first: list[RunningRender]


def running_of(connection: Connection, project_id: str) -> Mapping[str, RunningRenders]:
    """What runs of a project, by job. One statement; reads ix_renders_running."""
    # A literal, so that the partial index of running renders is used.
    rows = connection.execute(
        select(Render.id, Render.job_id, Render.parameters)
        .where(Render.project_id == project_id, Render.status == literal_column("'running'"))
        .order_by(Render.id)
        .limit(_MOST_RUNNING)
    ).all()
    found: dict[str, list[RunningRender]] = {}
    for row in rows:
        shape = row.parameters.get("width") or 1, row.parameters.get("height") or 1
        found.setdefault(row.job_id, []).append(RunningRender(row.id, *shape))
    return {job: RunningRenders(len(renders), renders[:_MOST_OF_A_JOB]) for job, renders in found.items()}


def read_queue(connection: Connection, project_id: str) -> list[Line]:
    """The lines of a project in which something waits. One statement; reads the partial index of unfinished jobs."""
    ended = Job.renders_done + Job.renders_failed + Job.renders_cancelled + Job.renders_expired
    rows = connection.execute(
        select(
            Job.id,
            Job.title,
            Job.model,
            Job.status,
            Job.lane,
            Flow.class_name,
            Job.renders_total.label("total"),
            (Job.renders_total - ended).label("unfinished"),
        )
        .join(Flow, Flow.id == Job.flow_id)
        .where(Job.project_id == project_id, Job.finished_at.is_(None), Job.ending.is_(None), Job.delete_at.is_(None))
        .order_by(Job.lane, Flow.class_name, Job.rank, Job.id)
        .limit(MOST_JOBS)
    )
    lines: dict[tuple[str, str], Line] = {}
    for row in rows:
        line = lines.setdefault((row.lane, row.class_name), Line(row.lane, row.class_name, []))
        line.jobs.append(QueuedJob(row.id, row.title or row.id, row.model, row.status, row.unfinished, row.total))
    return list(lines.values())
