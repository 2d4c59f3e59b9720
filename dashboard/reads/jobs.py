"""Jobs as people see them: with counts, newest first, and with the first thumbnails."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, func, literal_column, select

from dashboard import schemas
from dashboard.reads.costs import LANE_RATES, Prices, prices_of, read_prices
from dashboard.reads.ids import known_form, missing
from dashboard.reads.job_filters import EVERY_JOB, JobFilter
from dashboard.times import iso, iso_or_none
from farm.tables import Artifact, Event, Flow, Job, Render, User

#: Thumbnails come from the first renders of a job only: then the statement costs the same for 4 renders and for 10,000.
_FIRST_RENDERS = 8
_THUMBNAILS = 4

_COLUMNS = (
    Job.id,
    Job.project_id,
    Job.model,
    Job.title,
    Flow.class_name,
    Job.status,
    Job.version,
    Job.request,
    Job.renders_total,
    Job.renders_done,
    Job.renders_failed,
    Job.renders_cancelled,
    Job.renders_expired,
    Job.created_at,
    Job.finished_at,
    Job.delete_at,
    Job.verifies_id,
    Job.ending,
    Job.lane,
    Job.estimate,
    Job.gpu_seconds,
    Job.money,
    Job.watt_hours,
    User.name.label("user"),
)


#: Statements that most requests ask are built once: SQLAlchemy takes as long to build one as SQLite to answer it.
_JOBS = select(*_COLUMNS).join(Flow, Flow.id == Job.flow_id).outerjoin(User, User.id == Job.user_id)
#: By ix_renders_running, which holds a project's running renders alone: they are few, others of a job may be a million.
#: SQLite takes it for a literal status, and only where the project is named.
_IS_RUNNING = (Render.status == literal_column("'running'"), Render.project_id == bindparam("of_project"))
_RUNNING = (
    select(Render.job_id, func.count().label("renders"))
    .where(*_IS_RUNNING, Render.job_id.in_(bindparam("jobs", expanding=True)))
    .group_by(Render.job_id)
)
_RATES = LANE_RATES.subquery()
_ONE = (
    _JOBS.add_columns(
        select(func.count())
        .where(*_IS_RUNNING, Render.job_id == bindparam("of_job"))
        .scalar_subquery()
        .label("running"),
        _RATES.c.price_per_hour,
        _RATES.c.watts,
    )
    .outerjoin(_RATES, _RATES.c.lane == Job.lane)
    .where(Job.id == bindparam("of_job"), Job.project_id == bindparam("of_project"))
)


def find_job(connection: Connection, project_id: str, job_id: str, *, currency: str | None = None) -> schemas.Job:
    """One job of this project, in one statement. Raises NotFound. `currency`: where no request is served."""
    job_id = known_form("job", job_id)
    row = connection.execute(_ONE, {"of_job": job_id, "of_project": project_id}).one_or_none()
    if row is None:
        raise missing("job", job_id)
    return _job(row, row.running, prices_of([row], currency))


def list_jobs(
    connection: Connection,
    project_id: str,
    *,
    chosen: JobFilter = EVERY_JOB,
    before: str | None = None,
    limit: int,
) -> tuple[list[schemas.Job], bool]:
    """At most `limit` jobs, newest first, and whether there are more; in three statements (index project_id, id)."""
    statement = _JOBS.where(Job.project_id == project_id, *chosen.conditions()).order_by(Job.id.desc()).limit(limit + 1)
    if before is not None:
        statement = statement.where(Job.id < before)
    rows = connection.execute(statement).all()
    running = running_counts(connection, project_id, [row.id for row in rows[:limit]])
    prices = read_prices(connection)
    return [_job(row, running.get(row.id, 0), prices) for row in rows[:limit]], len(rows) > limit


def list_ended(connection: Connection, project_id: str, *, after: float, limit: int) -> list[schemas.Job]:
    """At most `limit` jobs that have ended after that time, the last to end first. Reads ix_jobs_finished_at."""
    rows = connection.execute(
        _JOBS.where(Job.project_id == project_id, Job.finished_at.is_not(None), Job.finished_at > after)
        .where(Job.delete_at.is_(None))
        .order_by(Job.finished_at.desc())
        .limit(limit)
    ).all()
    prices = read_prices(connection)
    return [_job(row, 0, prices) for row in rows]


def running_counts(connection: Connection, project_id: str, job_ids: Sequence[str]) -> dict[str, int]:
    """How many renders of each job of a project run now; jobs without any are left out. One statement."""
    rows = connection.execute(_RUNNING, {"of_project": project_id, "jobs": list(job_ids)})
    return {row.job_id: row.renders for row in rows}


def draft_counts(connection: Connection, job_ids: Sequence[str]) -> dict[str, int]:
    """How many drafts of each job wait for a choice; jobs without any are left out. Reads ix_renders_drafted."""
    rows = connection.execute(
        select(Render.job_id, func.count().label("renders"))
        .where(Render.status == literal_column("'drafted'"), Render.job_id.in_(job_ids))
        .group_by(Render.job_id)
    )
    return {row.job_id: row.renders for row in rows}


def first_thumbnails(connection: Connection, job_ids: Sequence[str]) -> dict[str, list[str]]:
    """Ids of up to four thumbnails of each job, in the order of its renders. One statement."""
    rows = connection.execute(
        select(Render.job_id, Artifact.id)
        .join(Artifact, (Artifact.render_id == Render.id) & (Artifact.attempt == Render.attempt))
        .where(
            Render.job_id.in_(job_ids),
            Render.index < _FIRST_RENDERS,
            Render.status.in_(("done", "drafted")),
            Artifact.kind == "thumbnail",
        )
        .order_by(Render.job_id, Render.index)
    )
    found: dict[str, list[str]] = {}
    for job_id, artifact_id in rows:
        shown = found.setdefault(job_id, [])
        if len(shown) < _THUMBNAILS:
            shown.append(artifact_id)
    return found


def versions(connection: Connection, project_id: str, watched: Iterable[str], newest: int) -> dict[str, int]:
    """The versions of the project's newest jobs and of those watched. At most one statement each."""
    recent = select(Job.id, Job.version).where(Job.project_id == project_id).order_by(Job.id.desc()).limit(newest)
    found = {row.id: row.version for row in connection.execute(recent)} if newest else {}
    rest = [job_id for job_id in watched if job_id not in found]
    if rest:
        named = select(Job.id, Job.version).where(Job.project_id == project_id, Job.id.in_(rest))
        found |= {row.id: row.version for row in connection.execute(named)}
    return found


def list_events(connection: Connection, job_id: str, after: int, limit: int) -> list[schemas.Event]:
    """Events of a job with versions above `after`, oldest first. One statement."""
    rows = connection.execute(
        select(Event.version, Event.kind, Event.at, Event.payload)
        .where(Event.job_id == job_id, Event.version > after)
        .order_by(Event.version)
        .limit(limit)
    )
    return [schemas.Event(version=row.version, kind=row.kind, at=iso(row.at), payload=row.payload) for row in rows]


def _job(row: Any, running: int, prices: Prices) -> schemas.Job:
    ended = row.renders_done + row.renders_failed + row.renders_cancelled + row.renders_expired
    # The two counts are read one after the other: a settle between them must not show a negative number.
    running = min(running, row.renders_total - ended)
    return schemas.Job(
        id=row.id,
        model=row.model,
        title=row.title,
        **{"class": row.class_name},
        status=row.status,
        user=row.user,
        version=row.version,
        total=row.renders_total,
        done=row.renders_done,
        failed=row.renders_failed,
        cancelled=row.renders_cancelled,
        expired=row.renders_expired,
        pending=row.renders_total - ended - running,
        running=running,
        created_at=iso(row.created_at),
        finished_at=iso_or_none(row.finished_at),
        delete_at=iso_or_none(row.delete_at),
        verifies_id=row.verifies_id,
        ending=row.ending if row.finished_at is None else None,  # the mark goes a moment after the end
        request=row.request,
        spent=prices.spent(row),
        expected=prices.expected(row),
        links=schemas.JobLinks(
            self=f"/api/v1/jobs/{row.id}",
            renders=f"/api/v1/jobs/{row.id}/renders",
            events=f"/api/v1/jobs/{row.id}/events",
            page=f"/jobs/{row.id}",
        ),
    )
