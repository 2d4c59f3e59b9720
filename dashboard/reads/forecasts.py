"""When jobs and renders start and end, and why they wait, as people see it."""

from typing import Any

from sqlalchemy import Connection, select

from dashboard import schemas
from dashboard.reads.ids import known_form, missing
from dashboard.times import iso, iso_or_none
from farm.connections import Connections
from farm.tables import Job, Render
from scheduler.estimates.pool_times import Range
from scheduler.forecasts.queue_position import QueuePosition, job_queue_position, render_queue_position
from scheduler.forecasts.start_times import Forecast
from scheduler.forecasts.wait_reasons import Reason, job_reason, render_reason
from scheduler.intake.open_stream import read_position
from scheduler.intake.stream_reason import stream_reason


def job_why(connection: Connection, connections: Connections, project_id: str, job_id: str, now: float) -> schemas.Why:
    """Why a job of this project is where it is, in at most a dozen statements. Raises NotFound."""
    job_id = known_form("job", job_id)
    owner = connection.scalar(select(Job.project_id).where(Job.id == job_id))
    found = job_queue_position(connection, connections, job_id, now) if owner == project_id else None
    if found is None:
        raise missing("job", job_id)
    reason = job_reason(found, connections.settings.class_shares, now)
    if reason.kind == "admitting" and (position := read_position(connection, job_id)) is not None:
        reason = stream_reason(position, connections.settings.intake_hours)
    return _why(reason, found.job.status, found, now)


def render_why(
    connection: Connection, connections: Connections, project_id: str, render_id: str, now: float
) -> schemas.Why:
    """Why a render of this project is where it is, in at most a dozen statements. Raises NotFound."""
    render_id = known_form("render", render_id)
    row = connection.execute(
        select(
            Render.id,
            Render.job_id,
            Render.index,
            Render.status,
            Render.phase,
            Render.reason,
            Render.worker_id,
            Render.eligible_at,
            Render.started_at,
        ).where(Render.id == render_id, Render.project_id == project_id)
    ).one_or_none()
    found = render_queue_position(connection, connections, row, now) if row is not None else None
    if row is None or found is None:
        raise missing("render", render_id)
    return _why(render_reason(row, found, connections.settings.class_shares, now), row.status, found, now)


def _why(reason: Reason, status: str, queue_position: QueuePosition, now: float) -> schemas.Why:
    times = ("not_before", "since", "ends_at")
    facts: dict[str, Any] = {
        name: iso_or_none(value) if name in times else value for name, value in reason.facts.items()
    }
    return schemas.Why(
        status=status,
        kind=reason.kind,
        sentence=reason.sentence,
        before=reason.before,
        facts=facts,
        forecast=_forecast(queue_position.forecast, now),
    )


def _forecast(found: Forecast | None, now: float) -> schemas.Forecast | None:
    if found is None:
        return None
    return schemas.Forecast(
        starts_in=_range(found.starts_in),
        done_in=_range(found.done_in),
        starts_at=iso(now + found.starts_in.likely) if found.starts_in else None,
        done_at=iso(now + found.done_in.likely) if found.done_in else None,
    )


def _range(found: Range | None) -> schemas.Range | None:
    return None if found is None else schemas.Range(low=found.low, likely=found.likely, high=found.high)
