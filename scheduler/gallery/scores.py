"""Scores: asked for by people or by a settle, claimed and written by the processes that compute them.

A row waits as `pending`. A claim leases it and raises its tries, which fence: what a process says whose lease ran out,
and that another one has claimed meanwhile, is void. A process that lives extends what it holds, so a lease is as short
as a worker's. Nothing else of a render changes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, and_, func, literal_column, or_, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite

from farm.database import read, write
from farm.lifecycle import ScoreStatus
from farm.storage_keys import ArtifactKind
from farm.tables import Artifact, Render, Score

#: Rows of one transaction.
CHUNK = 1000
#: Who was claimed so often and never written killed what scored it.
MOST_TRIES = 3
_IS_PENDING = Score.status == literal_column("'pending'")  # a literal, so that the partial index is used


@dataclass(frozen=True)
class ClaimedScore:
    """What is to be scored: a scorer, and the stored output of a render. `key` is None where none is kept."""

    render_id: str
    scorer: str
    tries: int
    parameters: Mapping[str, Any]
    key: str | None
    frames: int


@dataclass(frozen=True)
class ScoreResult:
    """What came of one: a figure, or why there is none."""

    value: float | None = None
    made_by: str | None = None
    reason: str | None = None


def ask_for_scores(
    engine: Engine, project_id: str, render_ids: Sequence[str], scorers: Sequence[str], now: float, *, again: bool
) -> int:
    """Have these renders, which are done and of this project, scored; returns how many figures are to come of it.

    What failed is tried again, what is there stays, unless it is to be done `again`. Whose renders they are is for the
    caller to know.
    """
    asked = 0
    for scorer in scorers:
        for first in range(0, len(render_ids), CHUNK):
            rows = [_row(render_id, project_id, scorer, now) for render_id in render_ids[first : first + CHUNK]]
            with write(engine) as connection:
                asked += _insert(connection, rows, again=again)
    return asked


def insert_asked(connection: Connection, asked: Mapping[str, str], now: float) -> None:
    """Have these renders (render → scorer) scored, in the caller's transaction."""
    if asked:
        found = connection.execute(select(Render.id, Render.project_id).where(Render.id.in_(asked))).all()
        rows = [_row(row.id, row.project_id, asked[row.id], now) for row in found]
        _insert(connection, rows, again=False)


def claim_scores(
    engine: Engine, now: float, *, most: int, lease_seconds: float, after: str | None = None
) -> tuple[list[ClaimedScore], str]:
    """Lease some of what waits the longest of one project, and which project that is: the next one after `after`.

    So projects take turns, however much one has asked for. What a process that ended has held is claimed one by one, so
    that whichever ended it is blamed alone. Reads ix_scores_pending.
    """
    free = and_(_IS_PENDING, or_(Score.lease_until.is_(None), Score.lease_until < now))
    with read(engine) as connection:
        waiting = sorted(connection.scalars(select(Score.project_id).where(free).distinct()))
    if not waiting:
        return [], after or ""
    project_id = next((one for one in waiting if after is None or one > after), waiting[0])
    with write(engine) as connection:
        chosen = connection.execute(
            select(Score.render_id, Score.scorer, Score.tries)
            .where(free, Score.project_id == project_id)
            .order_by(Score.asked_at, Score.render_id)
            .limit(most)
            .with_for_update(skip_locked=True)
        ).all()
        fresh = [row for row in chosen if row.tries == 0]
        chosen = fresh if fresh[:1] == chosen[:1] else chosen[:1]
        these = tuple_(Score.render_id, Score.scorer).in_([(row.render_id, row.scorer) for row in chosen])
        connection.execute(update(Score).where(these).values(lease_until=now + lease_seconds, tries=Score.tries + 1))
        outputs = _outputs(connection, {row.render_id for row in chosen})
    return [
        ClaimedScore(row.render_id, row.scorer, row.tries + 1, *outputs[row.render_id])
        for row in chosen
        if row.render_id in outputs
    ], project_id


def extend_leases(engine: Engine, claimed: Sequence[ClaimedScore], now: float, lease_seconds: float) -> None:
    """Whoever claimed them is still at it; void for those that are written, or another's by now."""
    with write(engine) as connection:
        for one in sorted(claimed, key=lambda one: (one.render_id, one.scorer)):
            connection.execute(update(Score).where(_this(one)).values(lease_until=now + lease_seconds))


def write_scores(engine: Engine, results: Sequence[tuple[ClaimedScore, ScoreResult]], now: float) -> int:
    """Write what came of claimed scores; returns how many still stood.

    A render whose own scorer this is (`scorer` of its request) competes with it for the best of its prompt.
    """
    written = 0
    with write(engine) as connection:
        for claimed, result in sorted(results, key=lambda pair: (pair[0].render_id, pair[0].scorer)):
            status = ScoreStatus.FAILED if result.value is None else ScoreStatus.DONE
            done = connection.execute(
                update(Score)
                .where(_this(claimed))
                .values(
                    status=status.value,
                    value=result.value,
                    made_by=result.made_by,
                    reason=result.reason,
                    scored_at=now,
                    lease_until=None,
                )
            )
            written += done.rowcount
            if done.rowcount and result.value is not None and claimed.parameters.get("scorer") == claimed.scorer:
                _enter_choice(connection, claimed, result.value)
    return written


def release_scores(engine: Engine, claimed: Sequence[ClaimedScore]) -> None:
    """Give back what was claimed and not scored, for no fault of its own: anybody may claim it at once."""
    with write(engine) as connection:
        for one in sorted(claimed, key=lambda one: (one.render_id, one.scorer)):
            connection.execute(update(Score).where(_this(one)).values(lease_until=None, tries=Score.tries - 1))


def _this(claimed: ClaimedScore) -> Any:
    return and_(
        Score.render_id == claimed.render_id,
        Score.scorer == claimed.scorer,
        Score.tries == claimed.tries,
        _IS_PENDING,
    )


def _enter_choice(connection: Connection, claimed: ClaimedScore, value: float) -> None:
    """The manifest says the score, as it does where a worker scored; `pick_best_of` goes by it."""
    kept = None if claimed.parameters.get("keep_best") else True
    attempt = select(Render.attempt).where(Render.id == claimed.render_id).scalar_subquery()
    connection.execute(
        update(Artifact)
        .where(
            Artifact.render_id == claimed.render_id,
            Artifact.attempt == attempt,
            Artifact.kind == ArtifactKind.MANIFEST.value,
            Artifact.score.is_(None),
        )
        .values(score=value, kept=kept)
    )


def _outputs(connection: Connection, render_ids: set[str]) -> dict[str, tuple[Mapping[str, Any], str | None, int]]:
    """By render: its parameters, the key of its output where it is kept, and its frames."""
    output = and_(
        Artifact.render_id == Render.id,
        Artifact.attempt == Render.attempt,
        Artifact.kind == ArtifactKind.OUTPUT.value,
    )
    rows = connection.execute(
        select(Render.id, Render.parameters, Render.frames, Artifact.key)
        .outerjoin(Artifact, output)
        .where(Render.id.in_(render_ids))
    )
    return {row.id: (row.parameters, row.key, row.frames) for row in rows}


def _row(render_id: str, project_id: str, scorer: str, now: float) -> dict[str, Any]:
    return {
        "render_id": render_id,
        "scorer": scorer,
        "project_id": project_id,
        "status": ScoreStatus.PENDING.value,
        "tries": 0,
        "asked_at": now,
    }


def _insert(connection: Connection, rows: Sequence[Mapping[str, Any]], *, again: bool) -> int:
    """Insert what is not there, let what failed (or, `again`, is done) wait anew; returns how many rows changed."""
    dialect: Any = sqlite if connection.dialect.name == "sqlite" else postgresql
    statement = dialect.insert(Score)
    anew = {
        "status": ScoreStatus.PENDING.value,
        "asked_at": statement.excluded.asked_at,
        "tries": 0,
        **dict.fromkeys(("value", "made_by", "reason", "lease_until", "scored_at")),
    }
    states = [ScoreStatus.FAILED.value] + ([ScoreStatus.DONE.value] if again else [])
    upsert = statement.on_conflict_do_update(
        index_elements=["render_id", "scorer"], set_=anew, where=Score.status.in_(states)
    )
    changed = 0
    for first in range(0, len(rows), 100):  # SQLite takes so many values at once
        part = list(rows[first : first + 100])
        changed += len(connection.execute(upsert.values(part).returning(Score.render_id)).all())
    return changed


def count_pending(connection: Connection, project_id: str) -> int:
    """How many figures of a project are still to come. Reads ix_scores_pending."""
    return int(connection.scalar(select(func.count()).where(_IS_PENDING, Score.project_id == project_id)) or 0)
