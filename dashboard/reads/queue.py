"""A project's jobs that wait, in the order in which they are served: a line for each model and class."""

from dataclasses import dataclass

from sqlalchemy import Connection, select

from farm.tables import Flow, Job

#: Jobs that a page of the queue shows, the first of each line first.
MOST_JOBS = 500


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
        .where(Job.project_id == project_id, Job.finished_at.is_(None), Job.delete_at.is_(None))
        .order_by(Job.lane, Flow.class_name, Job.rank, Job.id)
        .limit(MOST_JOBS)
    )
    lines: dict[tuple[str, str], Line] = {}
    for row in rows:
        line = lines.setdefault((row.lane, row.class_name), Line(row.lane, row.class_name, []))
        line.jobs.append(QueuedJob(row.id, row.title, row.model, row.status, row.unfinished, row.total))
    return list(lines.values())
