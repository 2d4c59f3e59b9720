"""Move running renders on, by the table of `farm.lifecycle` and fenced on the attempt."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from farm.lifecycle import Outcome, RenderStatus, check_transition
from farm.tables import Attempt, Render


@dataclass(frozen=True, slots=True)
class LockedRender:
    """A render that nobody else changes until this transaction ends."""

    id: str
    job_id: str
    lane: str
    flow_id: str
    index: int
    status: str
    attempt: int
    failures: int
    batch_limit: int | None
    worker_id: str | None
    estimate: float
    started_at: float | None
    gpu_seconds: float | None  # spent on earlier attempts
    money: float | None
    watt_hours: float | None


_LOCKED = [getattr(Render, field.name) for field in fields(LockedRender)]


_LOCK = select(*_LOCKED).where(Render.id.in_(bindparam("ids", expanding=True))).order_by(Render.id).with_for_update()


def lock_renders(connection: Connection, ids: Collection[str]) -> dict[str, LockedRender]:
    """These renders by id, locked by primary key in the order of their ids (deadlocks).

    The status is looked at here and not in the WHERE: 'running' there makes PostgreSQL read ix_renders_lease,
    and with it every lease that was given since the oldest snapshot. On SQLite the transaction is the lock.
    """
    rows = connection.execute(_LOCK, {"ids": list(ids)})
    return {row.id: LockedRender(*row) for row in rows}


def move(
    connection: Connection,
    render: LockedRender,
    to: RenderStatus,
    *,
    raise_attempt: bool,
    **values: Any,
) -> None:
    """Put a locked render into the state `to`, away from its worker; by primary key, fenced on the attempt.

    `raise_attempt` voids every later word for the attempt; only what ends well keeps its attempt, under which its
    artifacts are stored. Raises NotAllowed for a way that the table does not have.
    """
    check_transition(RenderStatus(render.status), to)
    moved = connection.execute(
        update(Render)
        .where(Render.id == render.id, Render.attempt == render.attempt)
        .values(
            status=to.value,
            phase=None,
            worker_id=None,
            lease_until=None,
            attempt=render.attempt + raise_attempt,
            **values,
        )
    )
    if moved.rowcount != 1:
        raise RuntimeError(f"Render {render.id} was locked at attempt {render.attempt}, and yet it moved.")


#: A render in one of these stands at the attempt that left its files.
_KEEPS_FILES = frozenset({RenderStatus.DONE, RenderStatus.DRAFTED})
_SETTLED = (
    "status", "attempt", "failures", "batch_limit", "reason", "finished_at", "gpu_seconds", "money", "watt_hours",
)  # fmt: skip
_SETTLE = (
    update(Render)
    .where(Render.id == bindparam("of_render"), Render.attempt == bindparam("of_attempt"))
    .values(
        {name: bindparam(f"to_{name}", type_=getattr(Render, name).type) for name in _SETTLED}
        | {"phase": None, "worker_id": None, "lease_until": None}
    )
)


@dataclass(slots=True)
class Move:
    """Where one locked render goes, away from its worker, and what is known of it from now on."""

    render: LockedRender
    to: RenderStatus
    outcome: Outcome  # of the attempt that ends with it
    reason: str | None
    failures: int
    batch_limit: int | None
    finished_at: float | None = None
    spent: float | None = None  # GPU-seconds of this attempt, where they were measured
    gpu_seconds: float | None = None  # of all attempts
    money: float | None = None
    watt_hours: float | None = None
    log_lines: str | None = None


def move_all(connection: Connection, moves: Sequence[Move], now: float) -> None:
    """End the attempts of locked renders and put each where it goes: two statements, by primary keys, for all.

    Every move but those to done and drafted raises the attempt. Raises NotAllowed for a way that is not in the table.
    """
    for item in moves:
        check_transition(RenderStatus(item.render.status), item.to)
    connection.execute(
        _END_ATTEMPT,
        [
            {
                "of_render": item.render.id,
                "of_number": item.render.attempt,
                "ended_at": now,
                "outcome": item.outcome.value,
                "reason": item.reason,
                "gpu_seconds": item.spent,
                "log_lines": item.log_lines,
            }
            for item in moves
        ],
    )
    moved = connection.execute(
        _SETTLE,
        [
            {
                "of_render": item.render.id,
                "of_attempt": item.render.attempt,
                "to_status": item.to.value,
                "to_attempt": item.render.attempt + (item.to not in _KEEPS_FILES),
                **{f"to_{name}": getattr(item, name) for name in _SETTLED[2:]},
            }
            for item in moves
        ],
    )
    if moved.rowcount != len(moves):
        raise RuntimeError(f"{len(moves)} renders were locked, and yet only {moved.rowcount} could be moved.")


def hold(connection: Connection, renders: Collection[LockedRender]) -> None:
    """pending → held, for renders that this transaction has just put back, as their job is paused."""
    check_transition(RenderStatus.PENDING, RenderStatus.HELD)
    ids = [render.id for render in renders]
    held = connection.execute(update(Render).where(Render.id.in_(ids)).values(status=RenderStatus.HELD.value))
    if held.rowcount != len(ids):
        raise RuntimeError(f"{len(ids)} renders were locked, and yet only {held.rowcount} could be held.")


_END_ATTEMPT = (
    update(Attempt)
    .where(Attempt.render_id == bindparam("of_render"), Attempt.number == bindparam("of_number"))
    .values(
        {
            name: bindparam(name, type_=getattr(Attempt, name).type)
            for name in ("ended_at", "outcome", "reason", "gpu_seconds", "log_lines")
        }
    )
)


def end_attempt(
    connection: Connection,
    render: LockedRender,
    outcome: Outcome,
    *,
    now: float,
    reason: str | None = None,
    gpu_seconds: float | None = None,
) -> None:
    """Write how the attempt ended that the locked render stands at; by primary key."""
    connection.execute(
        _END_ATTEMPT,
        {
            "of_render": render.id,
            "of_number": render.attempt,
            "ended_at": now,
            "outcome": outcome.value,
            "reason": reason,
            "gpu_seconds": gpu_seconds,
            "log_lines": None,
        },
    )
