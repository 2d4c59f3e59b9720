"""What lies before a job or a render: its place, when it starts and ends. Reads for forecasts and reasons.

A fixed number of statements, however many renders wait. Places are counted from the counters of jobs: within a job
renders are taken to be claimed in the order of their index, which is so unless some failed and wait again.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, bindparam, func, literal_column, or_, select

from farm.connections import Connections
from farm.lifecycle import JobStatus, RenderStatus
from farm.params import Shape, parse_parameters
from farm.tables import Dependency, Flow, Job, Project, Render
from scheduler.estimates.pool_times import Range
from scheduler.fleet.storage_outages import Unstored, of_running
from scheduler.forecasts.lane_snapshot import LaneSnapshot, entry_of, look
from scheduler.forecasts.ranges import last_batch, of_many
from scheduler.forecasts.start_times import Forecast, Wanted, forecast

#: An estimate that was made before anything was learnt may be off by so much, and no more is believed.
MOST_CORRECTION = 100.0
_LEFT = Job.renders_total - Job.renders_done - Job.renders_failed - Job.renders_cancelled - Job.renders_expired


@dataclass(frozen=True)
class QueuePosition:
    """A job (or one render of it) in its lane."""

    job: Any  # the row: columns of jobs, and class_name, weight, flow_paused_at, project_paused_at, max_running
    running: int  # renders of the job that run
    project_running: int  # and of its project
    after: list[str]  # jobs that it still waits for
    before: int  # waiting renders of its flow that come first
    wanted: Wanted
    snapshot: LaneSnapshot | None  # none: the model left the catalog
    forecast: Forecast | None
    drafted: int = 0  # renders of the job that wait for a choice
    unstored: Unstored | None = None  # of what runs, what cannot be stored when it is rendered


def job_queue_position(
    connection: Connection, connections: Connections, job_id: str, now: float
) -> QueuePosition | None:
    """The job as a whole: starts with its first render, is done with its last. None: there is no such job."""
    return _queue_position(connection, connections, job_id, None, now)


def render_queue_position(
    connection: Connection, connections: Connections, render: Any, now: float
) -> QueuePosition | None:
    """One render: a row with job_id, index, status, started_at. None: there is no such job."""
    return _queue_position(connection, connections, render.job_id, render, now)


def _queue_position(
    connection: Connection, connections: Connections, job_id: str, render: Any, now: float
) -> QueuePosition | None:
    job = _job(connection, job_id)
    if job is None:
        return None
    running = _running(connection, job)
    after = list(
        connection.scalars(
            select(Dependency.after_id)
            .where(Dependency.job_id == job.id, Dependency.resolved_at.is_(None))
            .order_by(Dependency.after_id)
        )
    )
    entry = entry_of(connections.catalog, job.model)
    ended = job.finished_at is not None if render is None else render.status in _ENDED
    if ended or entry is None:
        wanted = Wanted(job.flow_id, 0.0, 0.0)
        return QueuePosition(job, running[0], running[1], after, 0, wanted, None, None)
    snapshot = look(connection, connections.catalog, entry, now, connections.settings.worker_gone_seconds)
    factor, interval = _correction(connection, entry, snapshot, job.id)
    others = _before_in_flow(connection, job)
    drafted = _drafted(connection, job)
    left = max(job.left - running[0] - drafted, 0)  # renders of the job that wait for a worker
    own, inside = left, 0
    if render is not None:
        # The first of a job go first: those before its index that still wait.
        own, inside = 1, max(0, min(render._mapping["index"] - (job.renders_total - left), left - 1))
    each = job.estimate / job.renders_total * factor if job.renders_total else 0.0
    runs = running[0] > 0 if render is None else render.status == RenderStatus.RUNNING.value
    if render is not None and runs:
        own = 0
    batch, turnaround = last_batch(snapshot, entry, each, own or 1)
    one = Range(each * interval.low, each, each * interval.high)
    many = of_many(one, max(own, 1), learnt=snapshot.estimator().learnt())
    wanted = Wanted(
        flow_id=job.flow_id,
        before=others.gpu_seconds * factor + inside * each if own else 0.0,
        own=own * each,
        last_batch=batch if own else 0.0,
        turnaround=turnaround if own else _rest_of(turnaround, render, now),
        work=Range(many.low / many.likely, 1.0, many.high / many.likely) if many.likely > 0 else Range(1.0, 1.0, 1.0),
        not_before=max(0.0, (job.not_before or 0.0) - now),
        runs=runs,
    )
    awaits_choice = drafted > 0 and (left == 0 if render is None else render.status == RenderStatus.DRAFTED.value)
    which = Render.job_id == job.id if render is None else Render.id == render.id
    unstored = of_running(connection, job.project_id, which) if runs else None
    # Nobody can put a time to a storage that is away.
    away = unstored is not None or (snapshot.unstored is not None and not runs)
    away |= job.ending is not None  # nor to what nobody will render, or to rows that are still to come
    away |= job.status == JobStatus.ADMITTING.value and not own and not runs
    silent = away or ((awaits_choice or _held_back(job, after, snapshot)) and not runs)
    told = None if silent else _forecast(wanted, snapshot, factor, connections)
    before = others.renders + inside if own else 0
    return QueuePosition(job, running[0], running[1], after, before, wanted, snapshot, told, drafted, unstored)


_ENDED = frozenset({"done", "failed", "cancelled", "expired"})


@dataclass(frozen=True)
class _Others:
    renders: int
    gpu_seconds: float


_JOB = (
    select(
        *Job.__table__.c,
        _LEFT.label("left"),
        Flow.class_name,
        Flow.weight,
        Flow.paused_at.label("flow_paused_at"),
        Project.paused_at.label("project_paused_at"),
        Project.max_running,
    )
    .join(Flow, Flow.id == Job.flow_id)
    .join(Project, Project.id == Job.project_id)
    .where(Job.id == bindparam("of_job"))
)


def _job(connection: Connection, job_id: str) -> Any:
    return connection.execute(_JOB, {"of_job": job_id}).one_or_none()


def _running(connection: Connection, job: Any) -> tuple[int, int]:
    """Running renders of the job and of its project, by the index of running renders."""
    row = connection.execute(
        select(func.count().filter(Render.job_id == job.id), func.count()).where(
            Render.status == literal_column("'running'"), Render.project_id == job.project_id
        )
    ).one()
    return row[0], row[1]


def _drafted(connection: Connection, job: Any) -> int:
    """Renders of the job that stopped for a choice, by ix_renders_drafted."""
    drafted = Render.status == literal_column("'drafted'")
    return connection.scalar(select(func.count()).where(Render.job_id == job.id, drafted)) or 0


_BEFORE = (
    select(func.sum(_LEFT), func.sum(Job.estimate * _LEFT / func.nullif(Job.renders_total, 0)))
    .select_from(Job)
    .where(
        Job.lane == bindparam("of_lane"),
        Job.finished_at.is_(None),
        Job.ending.is_(None),
        Job.flow_id == bindparam("of_flow"),
        Job.status != JobStatus.PAUSED.value,
        or_(
            Job.rank < bindparam("of_rank"),
            and_(Job.rank == bindparam("of_rank"), Job.id < bindparam("of_job")),
        ),
    )
)


def _before_in_flow(connection: Connection, job: Any) -> _Others:
    """What of the same flow comes before the job: smaller rank, or older."""
    place = {"of_lane": job.lane, "of_flow": job.flow_id, "of_rank": job.rank, "of_job": job.id}
    row = connection.execute(_BEFORE, place).one()
    return _Others(int(row[0] or 0), float(row[1] or 0.0))


def _correction(connection: Connection, entry: Any, snapshot: LaneSnapshot, job_id: str) -> tuple[float, Range]:
    """By what factor the estimates of the job are to be taken now that more is known, and how far one may be off.

    Asked of its first render; jobs of one lane that wait together were mostly estimated by the same knowledge.
    """
    row = connection.execute(
        select(Render.width, Render.height, Render.frames, Render.parameters, Render.estimate).where(
            Render.job_id == job_id, Render.index == 0
        )
    ).one_or_none()
    if row is None or row.estimate <= 0:
        return 1.0, Range(0.5, 1.0, 2.0)
    shape = Shape(row.width, row.height, row.frames)
    told = snapshot.estimator().range(entry, shape, parse_parameters(row.parameters))
    factor = min(max(told.likely / row.estimate, 1 / MOST_CORRECTION), MOST_CORRECTION)
    return factor, Range(told.low / told.likely, 1.0, told.high / told.likely)


def _rest_of(turnaround: Range, render: Any, now: float) -> Range:
    """Seconds until what runs is settled: the whole turnaround, less what has passed; of a job about half of it."""
    if render is None or render.started_at is None:
        return Range(0.0, turnaround.likely / 2, turnaround.high)
    passed = now - render.started_at
    return Range(
        max(turnaround.low - passed, 0.0), max(turnaround.likely - passed, 0.0), max(turnaround.high - passed, 0.0)
    )


def _held_back(job: Any, after: list[str], snapshot: LaneSnapshot) -> bool:
    """Whether it waits for something that nobody can put a time to."""
    paused = job.status == JobStatus.PAUSED.value or job.flow_paused_at is not None or snapshot.paused
    return paused or bool(after)


def _forecast(wanted: Wanted, snapshot: LaneSnapshot, factor: float, connections: Connections) -> Forecast | None:
    flows = [flow.times(factor) for flow in snapshot.flows()]
    running = snapshot.backlog.running.gpu_seconds * factor
    if wanted.runs and not wanted.own:
        return Forecast(None, wanted.turnaround)
    shares = connections.settings.class_shares
    return forecast(wanted, flows, running, snapshot.workers(), shares, idle=snapshot.idle)
