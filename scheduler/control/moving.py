"""Move many renders of a job at once, by the table of `farm.lifecycle`, with the fence raised."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, select, update

from farm.lifecycle import Outcome, RenderStatus, check_transition
from farm.tables import Attempt, Render

CHUNK = 1_000  # renders in one transaction: SQLite's only write lock is held for about 20 ms


@dataclass(frozen=True)
class LockedRender:
    """A render that nobody else changes until this transaction ends."""

    id: str
    index: int
    status: RenderStatus


def lock_renders(
    connection: Connection, *which: ColumnElement[bool], status: Collection[RenderStatus], limit: int = CHUNK
) -> list[LockedRender]:
    """The first renders by index in one of these states, locked; on SQLite the transaction is the lock.

    Claims skip locked rows; everyone else locks in the order of ids, which is that of indexes: no deadlock.
    """
    statement = (
        select(Render.id, Render.index, Render.status)
        .where(*which, Render.status.in_(sorted(state.value for state in status)))
        .order_by(Render.index)
        .limit(limit)
        .with_for_update()
    )
    # Unpacked by place: `row.index` would be the method of tuples.
    return [LockedRender(id_, index, RenderStatus(state)) for id_, index, state in connection.execute(statement)]


def move(connection: Connection, renders: Sequence[LockedRender], to: RenderStatus, **values: Any) -> None:
    """Put locked renders into the state `to`; a worker that holds one has an old attempt from now on."""
    for render in renders:
        check_transition(render.status, to)
    moved = connection.execute(
        update(Render)
        .where(Render.id.in_([render.id for render in renders]))
        .values(
            status=to.value,
            attempt=Render.attempt + 1,
            phase=None,
            worker_id=None,
            lease_until=None,
            **values,
        )
    )
    if moved.rowcount != len(renders):
        raise RuntimeError(f"{len(renders)} renders were locked, and yet only {moved.rowcount} of them moved.")


def end_attempts(
    connection: Connection, renders: Sequence[LockedRender], outcome: Outcome, reason: str, now: float
) -> None:
    """Write how the open attempts of running renders ended."""
    running = [render.id for render in renders if render.status is RenderStatus.RUNNING]
    if running:
        connection.execute(
            update(Attempt)
            .where(Attempt.render_id.in_(running), Attempt.ended_at.is_(None))
            .values(ended_at=now, outcome=outcome.value, reason=reason)
        )
