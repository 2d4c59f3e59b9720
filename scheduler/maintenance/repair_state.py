"""Duty: what should not be, is put right where the renders prove what is right, and every case is logged as an error.

None of this happens by any way that we know; a defect, a hand in the database or an older farm may leave it. Only
jobs that nothing was heard of for QUIET_SECONDS are looked at, some in each pass, and a job is judged under its lock:

- a running render without a lease would never be taken back: its lease ends now;
- a flow with pending renders that does not compete would starve: it is woken;
- a job whose counters are not those of its renders would never end, or too soon: it gets the right ones;
- a job that is being admitted, with nobody who admits, is sealed after `intake_hours`;
- held renders of an open job that waits for no time and no job are released.
"""

from dataclasses import dataclass

import structlog
from sqlalchemy import Connection, and_, exists, func, literal_column, or_, select, update

from farm.connections import Connections
from farm.database import read, write
from farm.lifecycle import JOB_ENDED, JobStatus, RenderStatus
from farm.progress import JobChanged
from farm.tables import Event, Flow, Intake, Job, Render
from scheduler.control.lookup import FoundJob
from scheduler.control.release_renders import release
from scheduler.fair_share.flows import wake_flow
from scheduler.fleet.wake_workers import notify
from scheduler.leases.job_counters import JobChange, record
from scheduler.leases.job_status import move_job

log = structlog.get_logger(__name__)

EVERY_SECONDS = 30.0
#: Without an event for so long a job may be stuck. It mostly just waits.
QUIET_SECONDS = 120.0
JOBS_A_PASS = 20

_ENDS = (RenderStatus.DONE, RenderStatus.FAILED, RenderStatus.CANCELLED, RenderStatus.EXPIRED)


class RepairState:
    """The duty, and the job that it looked at last: a supervisor that starts begins with the oldest."""

    def __init__(self) -> None:
        self._looked_at = ""

    def one_pass(self, connections: Connections, now: float) -> int:
        """Look at everything that is cheap, and at some quiet jobs; returns how much was repaired."""
        repaired = _give_leases(connections, now) + _wake_flows(connections)
        with read(connections.engine) as connection:
            jobs = _quiet_jobs(connection, self._looked_at, now)
        self._looked_at = jobs[-1].id if len(jobs) == JOBS_A_PASS else ""
        for job in jobs:
            repaired += _repair(connections, job, now)
        return repaired


def _give_leases(connections: Connections, now: float) -> int:
    """Running renders without a lease get one that has run out: reaping does the rest. Reads ix_renders_lease."""
    nameless = and_(Render.status == literal_column("'running'"), Render.lease_until.is_(None))
    with read(connections.engine) as connection:
        found = connection.scalars(select(Render.id).where(nameless).limit(1_000)).all()
    if found:
        with write(connections.engine) as connection:
            connection.execute(update(Render).where(Render.id.in_(found), nameless).values(lease_until=now - 1))
        log.error("renders ran without a lease", renders=len(found), first=found[0])
    return len(found)


def _wake_flows(connections: Connections) -> int:
    """One probe of ix_renders_head for each idle flow that is not paused."""
    pending = exists().where(Render.flow_id == Flow.id, Render.status == literal_column("'pending'"))
    idle = and_(Flow.backlogged.is_(False), Flow.paused_at.is_(None), pending)
    with read(connections.engine) as connection:
        found = connection.scalars(select(Flow.id).where(idle).order_by(Flow.id)).all()
    for flow_id in found:
        with write(connections.engine) as connection:
            wake_flow(connection, flow_id)
        log.error("a flow did not compete for its pending renders", flow_id=flow_id)
    return len(found)


def _quiet_jobs(connection: Connection, behind: str, now: float) -> list[FoundJob]:
    """Unfinished jobs without an event for a while, in the order of their ids."""
    columns = (Job.id, Job.project_id, Job.lane, Job.flow_id, Job.status)
    rows = connection.execute(
        select(*columns)
        .outerjoin(Event, and_(Event.job_id == Job.id, Event.version == Job.version))
        .where(
            Job.finished_at.is_(None),
            or_(Event.at.is_(None), Event.at < now - QUIET_SECONDS),
            *([Job.id > behind] if behind else []),
        )
        .order_by(Job.id)
        .limit(JOBS_A_PASS)
    )
    return [FoundJob(row.id, row.project_id, row.lane, row.flow_id, JobStatus(row.status)) for row in rows]


def _repair(connections: Connections, job: FoundJob, now: float) -> int:
    with read(connections.engine) as connection:
        checked = _check_counters(connections, connection, job.id, now)
    repaired = 0
    if checked.wrong is not None and (changed := _correct(connections, job.id, now)):
        notify(connections, lanes=[job.lane], changed=[changed])
        repaired += 1
    if checked.held and job.status is JobStatus.OPEN:
        # It looks again, with everything locked: the job may wait for another one, or be paused meanwhile.
        released = release(connections, job, Render.eligible_at.is_(None))
        if released:
            log.error("renders were held for nothing", job_id=job.id, renders=released)
        repaired += released
    return repaired


@dataclass(frozen=True)
class CounterCheck:
    """What the renders of a job say.

    `wrong`: what is to be added to its columns; {} if only its status is not right; None if all is well, or if that
    cannot be said, as the job has ended or renders still stream in. `held`: how many renders are.
    """

    wrong: dict[str, int] | None = None
    held: int = 0


def _check_counters(connections: Connections, connection: Connection, job_id: str, now: float) -> CounterCheck:
    """Count the renders of a job, by their unique index."""
    job = connection.execute(select(Job.__table__).where(Job.id == job_id)).one_or_none()
    if job is None or job.status in JOB_ENDED:
        return CounterCheck()
    streams = select(Intake.job_id).where(Intake.job_id == job_id, Intake.sealed_at.is_(None))
    admitting = job.status == JobStatus.ADMITTING
    young = job.created_at > now - connections.settings.intake_hours * 3600
    if connection.scalar(streams) is not None or (admitting and young):
        return CounterCheck()
    rows = connection.execute(
        select(Render.status, func.count()).where(Render.job_id == job_id).group_by(Render.status)
    )
    counts = {RenderStatus(row[0]): int(row[1]) for row in rows}
    ends = {f"renders_{end.value}": counts.get(end, 0) for end in _ENDS}
    right = ends | {"renders_total": sum(counts.values())}
    wrong = {name: count - getattr(job, name) for name, count in right.items() if count != getattr(job, name)}
    nothing_left = sum(ends.values()) == right["renders_total"]
    return CounterCheck(wrong if wrong or admitting or nothing_left else None, counts.get(RenderStatus.HELD, 0))


def _correct(connections: Connections, job_id: str, now: float) -> JobChanged | None:
    """Count again with the job locked, when nobody can change its renders and not its counters; put it right."""
    with write(connections.engine) as connection:
        connection.execute(select(Job.id).where(Job.id == job_id).with_for_update())
        wrong = _check_counters(connections, connection, job_id, now).wrong
        if wrong is None:
            return None
        log.error("a job was stuck: its counters are put right", job_id=job_id, off_by=wrong)
        total = Job.renders_total + wrong.get("renders_total", 0)
        connection.execute(update(Job).where(Job.id == job_id).values(renders_total=total))
        move_job(connection, job_id, [JobStatus.ADMITTING], JobStatus.OPEN)
        change = JobChange()
        change.events["repaired"] = []
        change.ended.update({end: wrong.get(f"renders_{end.value}", 0) for end in _ENDS})
        return record(connection, {job_id: change}, now)[0]
