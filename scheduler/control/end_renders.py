"""End renders before their time: cancelled by people, or expired by a deadline; whatever they were doing."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, select

from farm.connections import Connections
from farm.database import write
from farm.lifecycle import CANCELLABLE, Outcome, RenderStatus
from farm.tables import Job, Render
from scheduler.control.bulk_transition import LockedRender, end_attempts, in_chunks, lock_renders, move, move_all
from scheduler.control.job_update import enter
from scheduler.fleet.wake_workers import notify

#: Of these no worker knows, and no attempt is open.
_AT_REST = CANCELLABLE - {RenderStatus.RUNNING}


@dataclass(frozen=True)
class Ending:
    """How they end, and the reason that renders and attempts keep."""

    status: RenderStatus
    reason: str


CANCELLED = Ending(RenderStatus.CANCELLED, "cancelled")
EXPIRED = Ending(RenderStatus.EXPIRED, "The deadline of its job has passed.")


@dataclass(frozen=True)
class Ended:
    """How many renders have ended, and whether those are all that there were."""

    renders: int
    all: bool


def end_renders(connections: Connections, job_id: str, ending: Ending, *which: ColumnElement[bool]) -> int:
    """End the renders of a job that have not ended, in chunks with an event each; returns how many.

    Their attempts are raised: what a worker says of them later is void, and it hears so between two steps.
    """
    return end_renders_until(connections, float("inf"), job_id, ending, *which).renders


def end_renders_until(
    connections: Connections, until: float, job_id: str, ending: Ending, *which: ColumnElement[bool]
) -> Ended:
    """The same, but no chunk begins later than `until`, by the steady clock."""
    all_ended = True

    def step(behind: int) -> Sequence[LockedRender]:
        nonlocal all_ended
        if connections.steady() > until:
            all_ended = False
            return []
        now = connections.clock()
        with write(connections.engine) as connection:
            renders = lock_renders(connection, Render.job_id == job_id, *which, status=CANCELLABLE, behind=behind)
            if not renders:
                return []
            places = Render.index.between(renders[0].index, renders[-1].index)
            lanes = connection.scalars(select(Render.lane).where(Render.job_id == job_id, places).distinct()).all()
            running = [render for render in renders if render.status is RenderStatus.RUNNING]
            _end_running(connection, running, ending, now)
            indexes = [render.index for render in running]
            if len(running) < len(renders):
                of_these = (Render.job_id == job_id, places, *which)
                ends = {"finished_at": now, "reason": ending.reason}
                indexes += move_all(connection, _AT_REST, ending.status, *of_these, **ends)
            indexes.sort()
            changed = enter(connection, job_id, ending.status.value, indexes=indexes, now=now, ended=ending.status)
            lanes_notified = [*lanes, *connection.scalars(select(Job.lane).where(Job.id == job_id))]
        notify(connections, lanes=lanes_notified, changed=[changed])
        return renders

    return Ended(in_chunks(step), all_ended)


def _end_running(connection: Connection, renders: Sequence[LockedRender], ending: Ending, now: float) -> None:
    if renders:
        move(connection, renders, ending.status, finished_at=now, reason=ending.reason)
        end_attempts(connection, renders, Outcome.CANCELLED, ending.reason, now)
