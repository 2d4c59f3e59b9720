"""End renders before their time: cancelled by people, or expired by a deadline; whatever they were doing."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, select

from farm.connections import Connections
from farm.database import write
from farm.lifecycle import TRANSITIONS, Outcome, RenderStatus
from farm.tables import Job, Render
from scheduler.control.bulk_transition import LockedRender, end_attempts, in_chunks, lock_renders, move
from scheduler.control.job_update import enter
from scheduler.fleet.wake_workers import notify

CANCELLABLE = frozenset(state for state, targets in TRANSITIONS.items() if RenderStatus.CANCELLED in targets)


@dataclass(frozen=True)
class Ending:
    """How they end, and the reason that renders and attempts keep."""

    status: RenderStatus
    reason: str


CANCELLED = Ending(RenderStatus.CANCELLED, "cancelled")
EXPIRED = Ending(RenderStatus.EXPIRED, "The deadline of its job has passed.")


def end_renders(connections: Connections, job_id: str, ending: Ending, *which: ColumnElement[bool]) -> int:
    """End the renders of a job that have not ended, in chunks with an event each; returns how many.

    Their attempts are raised: what a worker says of them later is void, and it hears so between two steps.
    """

    def step(behind: int) -> Sequence[LockedRender]:
        now = connections.clock()
        with write(connections.engine) as connection:
            renders = lock_renders(connection, Render.job_id == job_id, *which, status=CANCELLABLE, behind=behind)
            if not renders:
                return []
            move(connection, renders, ending.status, finished_at=now, reason=ending.reason)
            end_attempts(connection, renders, Outcome.CANCELLED, ending.reason, now)
            indexes = [render.index for render in renders]
            changed = enter(connection, job_id, ending.status.value, indexes=indexes, now=now, ended=ending.status)
            lanes = connection.scalars(select(Render.lane).where(Render.id.in_([r.id for r in renders])).distinct())
            lanes_notified = [*lanes, *connection.scalars(select(Job.lane).where(Job.id == job_id))]
        notify(connections, lanes=lanes_notified, changed=[changed])
        return renders

    return in_chunks(step)
