"""Renders that were lost with one worker after the other: from the third on, they are suspected.

A worker that dies takes its renders with it, and says nothing: its leases run out, and nobody is blamed, as machines
are switched off. But a render that fills the machine's memory ends the whole worker, and the next one, and the
next. So a render that was in a pass, as far as anybody knows, when its worker was lost, and that was lost so on
UNCOUNTED_LOSSES other workers before, counts as failed, as if its pass had killed the engine: what becomes of it then
says `scheduler.leases.retry_policy`.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from farm.lifecycle import Outcome, Phase
from farm.tables import Attempt, Render, Worker
from scheduler.leases.change_status import LockedRender

#: Workers that a render may be lost with before it is suspected.
UNCOUNTED_LOSSES = 2


@dataclass(frozen=True)
class PoisonFinding:
    """A suspected render: how many its last claim took, if that is known, and what to say of it."""

    batch_size: int | None
    reason: str


def find_poison(connection: Connection, lost: Sequence[LockedRender]) -> dict[str, PoisonFinding]:
    """Which of these renders, whose leases ran out, are suspected of having killed their workers; by id.

    One statement, by the primary keys of attempts and workers.
    """
    rows = connection.execute(
        select(
            Attempt.render_id, Attempt.number, Attempt.worker_id, Attempt.outcome, Attempt.batch_size,
            Attempt.started_at, Render.phase, Worker.heartbeat_at,
        )
        .join(Render, Render.id == Attempt.render_id)
        .outerjoin(Worker, Worker.id == Attempt.worker_id)
        .where(Attempt.render_id.in_([render.id for render in lost]))
    ).all()  # fmt: skip
    attempts: defaultdict[str, list[Any]] = defaultdict(list)
    for row in rows:
        attempts[row.render_id].append(row)
    found: dict[str, PoisonFinding] = {}
    for render in lost:
        now = next((row for row in attempts[render.id] if row.number == render.attempt), None)
        if now is None or not _was_in_a_pass(now):
            continue
        others = {row.worker_id for row in attempts[render.id] if row.outcome == Outcome.LOST} - {now.worker_id}
        if len(others) >= UNCOUNTED_LOSSES:
            found[render.id] = PoisonFinding(
                batch_size=now.batch_size,
                reason=f"Its worker was lost while it rendered, as {len(others)} others were before.",
            )
    return found


def _was_in_a_pass(attempt: Any) -> bool:
    """Whether it may have been rendering when its worker fell silent.

    A worker says with each beat what its renders do. What was only claimed at its last beat may have waited; what was
    claimed after it may have begun: it is the one that kills at once.
    """
    if attempt.phase == Phase.CLAIMED:
        return attempt.heartbeat_at is None or bool(attempt.heartbeat_at <= attempt.started_at)
    return attempt.phase in (Phase.ENCODING, Phase.STEPPING)
