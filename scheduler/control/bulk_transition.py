"""Move many renders of a job at once, by the table of `farm.lifecycle`, with the fence raised."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, select, update

from farm.lifecycle import Outcome, RenderStatus, check_transition
from farm.tables import Attempt, Render
from scheduler.fair_share.flows import wake_flow

#: Renders in one transaction. On SQLite its only write lock is held for that long: 0.1 to 0.2 s were seen with two busy
#: cores, in a control of 100,000 renders; claims come in between two of them.
CHUNK = 1_000

#: Of a render that no worker holds.
_NOBODYS: dict[str, Any] = {"phase": None, "worker_id": None, "lease_until": None}
QUEUED = frozenset({RenderStatus.PENDING, RenderStatus.HELD})  # of which no worker knows


@dataclass(frozen=True)
class LockedRender:
    """A render that nobody else changes until this transaction ends."""

    id: str
    index: int
    status: RenderStatus
    flow_id: str


def lock_renders(
    connection: Connection,
    *which: ColumnElement[bool],
    status: Collection[RenderStatus],
    behind: int = -1,
    limit: int = CHUNK,
) -> list[LockedRender]:
    """The first renders by index in one of these states, locked; on SQLite the transaction is the lock.

    `behind` leaves out the indexes up to this one: chunks of a large job then read each of its rows once.

    Claims skip locked rows; everyone else locks in the order of ids, which is that of indexes: no deadlock.
    """
    statement = (
        select(Render.id, Render.index, Render.status, Render.flow_id)
        .where(*which, Render.index > behind, Render.status.in_(sorted(state.value for state in status)))
        .order_by(Render.index)
        .limit(limit)
        .with_for_update()
    )
    # Unpacked by place: `row.index` would be the method of tuples.
    return [
        LockedRender(id_, index, RenderStatus(state), flow_id)
        for id_, index, state, flow_id in connection.execute(statement)
    ]


def in_chunks(step: Callable[[int], Sequence[LockedRender]]) -> int:
    """Repeat `step`, a transaction on the first renders behind an index, until there are none; returns how many.

    It begins again from the first index when it came to the end: meanwhile a worker may have given some back.
    """
    moved = 0
    while True:
        behind = -1
        while renders := step(behind):
            moved += len(renders)
            if behind == -1 and len(renders) < CHUNK:
                return moved  # it saw all there were
            behind = renders[-1].index
        if behind == -1:
            return moved


def wake_flows(connection: Connection, renders: Sequence[LockedRender]) -> None:
    """Let the flows of renders that have become pending compete; the last rows that a transaction locks."""
    wake_flows_of(connection, {render.flow_id for render in renders})


def wake_flows_of(connection: Connection, flow_ids: Collection[str]) -> None:
    """Let these flows compete; in the order of their ids."""
    for flow_id in sorted(flow_ids):
        wake_flow(connection, flow_id)


def move(connection: Connection, renders: Sequence[LockedRender], to: RenderStatus, **values: Any) -> None:
    """Put locked renders into the state `to`; a worker that holds one has an old attempt from now on."""
    for render in renders:
        check_transition(render.status, to)
    moved = connection.execute(
        update(Render)
        .where(Render.id.in_([render.id for render in renders]))
        .values(status=to.value, attempt=Render.attempt + 1, **_NOBODYS, **values)
    )
    if moved.rowcount != len(renders):
        raise RuntimeError(f"{len(renders)} renders were locked, and yet only {moved.rowcount} of them moved.")


def move_all(
    connection: Connection,
    status: Collection[RenderStatus],
    to: RenderStatus,
    *which: ColumnElement[bool],
    **values: Any,
) -> list[int]:
    """Put all renders that are meant and in one of these states, which no worker holds, into the state `to`; their
    indexes. By what they have in common: a thousand ids as values would take twice the time of the change itself.
    """
    for state in status:
        check_transition(state, to)
    moved = connection.execute(
        update(Render)
        .where(*which, Render.status.in_(sorted(state.value for state in status)))
        .values(status=to.value, attempt=Render.attempt + 1, **_NOBODYS, **values)
        .returning(Render.index)
    )
    return list(moved.scalars())


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
