"""Leases of running renders, as their workers extend them; `scheduler.leases.reap` takes back those that ran out."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Engine, bindparam, update

from farm.database import write
from farm.lifecycle import Phase
from farm.tables import Render
from scheduler.dialects import prepare
from scheduler.leases.change_status import lock_renders


@dataclass(frozen=True)
class Held:
    """A render that a worker believes it holds, and the attempt it speaks for."""

    render_id: str
    attempt: int


#: By primary key, fenced on the attempt; a render that ended keeps its attempt, but has no worker any more.
_SET_PHASE = (
    update(Render)
    .where(
        Render.id == bindparam("of_render"),
        Render.attempt == bindparam("of_attempt"),
        Render.worker_id.is_not(None),
    )
    .values(phase=bindparam("new_phase"))
)


def extend(engine: Engine, *, worker_id: str, held: Sequence[Held], now: float, lease_seconds: float) -> list[str]:
    """Extend the worker's leases to `now + lease_seconds`; returns the ids that are not its own any more.

    Those were cancelled, reaped, paused, moved or settled meanwhile: the worker drops them. Locks the renders by
    primary key in the order of their ids.
    """
    if not held:
        return []
    with write(engine) as connection:
        prepare(connection)
        renders = lock_renders(connection, [item.render_id for item in held])
        own = [
            item.render_id
            for item in held
            if (render := renders.get(item.render_id))
            and (render.attempt, render.worker_id) == (item.attempt, worker_id)
        ]
        if own:
            connection.execute(update(Render).where(Render.id.in_(own)).values(lease_until=now + lease_seconds))
    return [item.render_id for item in held if item.render_id not in set(own)]


def set_phase(engine: Engine, held: Sequence[Held], phase: Phase) -> None:
    """Say what the held renders are doing; void for those that are not at their attempt any more."""
    if not held:
        return
    rows = [
        {"of_render": item.render_id, "of_attempt": item.attempt, "new_phase": phase.value}
        for item in sorted(held, key=lambda item: item.render_id)
    ]
    with write(engine) as connection:
        prepare(connection)
        connection.execute(_SET_PHASE, rows)
