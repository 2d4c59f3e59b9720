"""Failed renders as people see them, with what their attempts left behind."""

import re
from typing import Any

from sqlalchemy import Connection, select

from dashboard import schemas
from dashboard.times import iso, iso_or_none
from farm.lifecycle import Outcome
from farm.redaction import MASK
from farm.tables import Attempt, Job, Project, Render
from scheduler.control.dead_letters import LetterFilter

_ID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")


def list_dead_letters(
    connection: Connection, chosen: LetterFilter, *, before: str | None, limit: int, for_operator: bool
) -> tuple[list[schemas.DeadLetter], bool]:
    """At most `limit` failed renders, newest first, and whether there are more; in two statements.

    Log lines of a worker may speak of neighbours: who is no operator reads those that name nobody else.
    """
    statement = (
        select(
            Render.id, Render.job_id, Render.index.label("place"), Render.parameters, Render.reason, Render.failures,
            Render.finished_at, Job.model, Job.title, Project.name.label("project"),
        )
        .join(Job, Job.id == Render.job_id)
        .join(Project, Project.id == Render.project_id)
        .where(*chosen.conditions())
        .order_by(Render.id.desc())
        .limit(limit + 1)
    )  # fmt: skip
    rows = connection.execute(statement if before is None else statement.where(Render.id < before)).all()
    shown = rows[:limit]
    attempts: dict[str, list[schemas.FailedAttempt]] = {}
    for row in connection.execute(
        select(Attempt.__table__)
        .where(
            Attempt.render_id.in_([row.id for row in shown]),
            Attempt.outcome.in_([Outcome.FAILED.value, Outcome.LOST.value]),
        )
        .order_by(Attempt.render_id, Attempt.number)
    ):
        attempts.setdefault(row.render_id, []).append(_attempt(row, for_operator))
    letters = [
        schemas.DeadLetter(
            render_id=row.id,
            job_id=row.job_id,
            index=row.place,
            project=row.project,
            model=row.model,
            title=row.title,
            prompt=str(row.parameters.get("prompt", "")),
            reason=row.reason,
            failures=row.failures,
            failed_at=iso_or_none(row.finished_at),
            attempts=attempts.get(row.id, []),
        )
        for row in shown
    ]
    return letters, len(rows) > limit


def _attempt(row: Any, for_operator: bool) -> schemas.FailedAttempt:
    return schemas.FailedAttempt(
        number=row.number,
        worker_id=row.worker_id,
        pool=row.pool,
        batch_size=row.batch_size,
        started_at=iso(row.started_at),
        ended_at=iso_or_none(row.ended_at),
        outcome=row.outcome,
        reason=row.reason,
        log_lines=row.log_lines if for_operator or row.log_lines is None else _own(row.log_lines, row.render_id),
    )


def _own(lines: str, render_id: str) -> str:
    """The lines that name no other render, job or batch; the others are masked."""
    return "\n".join(
        line if all(found == render_id for found in _ID.findall(line)) else MASK for line in lines.splitlines()
    )
