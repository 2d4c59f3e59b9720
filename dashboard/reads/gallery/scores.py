"""Scores of chosen renders, in the order of their figures."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, func, or_, select

from dashboard import schemas
from dashboard.reads.gallery.listing import GalleryFilter, selection
from dashboard.times import iso_or_none
from farm.errors import Fault, InvalidRequest, NotFound
from farm.lifecycle import ScoreStatus
from farm.scorers import Reads, facts_of
from farm.sentences import sentence
from farm.tables import Job, Score

#: Figures that a distribution is drawn from at the most.
MOST_VALUES = 20_000
#: Different reasons that are told of scores that failed.
MOST_REASONS = 5


@dataclass(frozen=True)
class ScorePlace:
    """Where a page of scores ended: the figure (None in a list of those that have none) and the render."""

    value: float | None
    render_id: str


@dataclass(frozen=True)
class ScoreQuery:
    """Which scores: those by one scorer, in one state, of renders that a filter chooses."""

    chosen: GalleryFilter
    scorer: str
    status: ScoreStatus = ScoreStatus.DONE
    best_first: bool = True


def list_scores(
    connection: Connection,
    project_id: str,
    query: ScoreQuery,
    *,
    limit: int,
    after: ScorePlace | None = None,
    skip: int = 0,
) -> tuple[list[schemas.Score], ScorePlace | None]:
    """At most `limit` scores behind `after`, and where the next page begins; None: this was the last one.

    `skip`, for pages with a number: so many are passed over.
    """
    statement = (
        _scored(connection, project_id, query.chosen, query.scorer)
        .where(Score.status == query.status.value)
        .order_by(*_order(query.best_first))
        .limit(limit + 1)
        .offset(skip)
    )
    if after is not None:
        statement = statement.where(_behind(after, query.best_first))
    rows = connection.execute(statement).all()
    shown = rows[:limit]
    more = len(rows) > limit
    return [_score(row) for row in shown], ScorePlace(shown[-1].value, shown[-1].render_id) if more else None


def count_scores(connection: Connection, project_id: str, chosen: GalleryFilter, scorer: str) -> dict[ScoreStatus, int]:
    """How many of the chosen renders' scores by a scorer are in which state."""
    scored = _scored(connection, project_id, chosen, scorer).subquery()
    rows = connection.execute(select(scored.c.status, func.count()).group_by(scored.c.status))
    found = {ScoreStatus(status): count for status, count in rows}
    return {status: found.get(status, 0) for status in ScoreStatus}


def used_scorers(connection: Connection, project_id: str, chosen: GalleryFilter) -> dict[str, int]:
    """The scorers that have been asked about the chosen renders, and of how many; first those that gave a figure."""
    scored = _scored(connection, project_id, chosen, None).subquery()
    silent = func.count(scored.c.value) == 0
    counted = select(scored.c.scorer, func.count()).group_by(scored.c.scorer).order_by(silent, scored.c.scorer)
    return {name: int(count) for name, count in connection.execute(counted)}


def score_values(connection: Connection, project_id: str, chosen: GalleryFilter, scorer: str) -> list[float]:
    """The figures of the chosen renders by a scorer, the smallest first; MOST_VALUES at the most."""
    scored = _scored(connection, project_id, chosen, scorer).where(Score.value.is_not(None)).subquery()
    return list(connection.scalars(select(scored.c.value).order_by(scored.c.value).limit(MOST_VALUES)))


def failed_reasons(connection: Connection, project_id: str, chosen: GalleryFilter, scorer: str) -> dict[str, int]:
    """Why there are no figures, and of how many renders each, the most frequent first."""
    failed = _scored(connection, project_id, chosen, scorer).where(Score.status == ScoreStatus.FAILED.value).subquery()
    count = func.count()
    rows = connection.execute(
        select(failed.c.reason, count).group_by(failed.c.reason).order_by(count.desc()).limit(MOST_REASONS)
    )
    return {str(reason): int(number) for reason, number in rows}


def scores_of(connection: Connection, render_id: str) -> list[tuple[str, float]]:
    """The figures of a render, by scorer. Whose it is is for the caller to know."""
    rows = connection.execute(
        select(Score.scorer, Score.value)
        .where(Score.render_id == render_id, Score.value.is_not(None))
        .order_by(Score.scorer)
    )
    return [(row.scorer, row.value) for row in rows]


def renders_to_score(
    connection: Connection, project_id: str, chosen: GalleryFilter, scorers: Sequence[str]
) -> dict[str, list[str]]:
    """For each scorer the ids of the chosen renders that it can say something of.

    Raises NotFound when the job is none of this project, and InvalidRequest for a scorer that could score none of them.
    """
    check_job(connection, project_id, chosen)
    rows = connection.execute(selection(connection, project_id, chosen)).all()
    found = {name: [row.id for row in rows if _can_read(name, row.frames)] for name in scorers}
    if rows and (idle := [name for name in scorers if not found[name]]):
        raise InvalidRequest(
            [
                Fault(
                    "/scorers",
                    sentence(
                        "%(scorer)s looks at %(kind)s, and none of the chosen renders is one",
                        scorer=name,
                        kind=sentence("clips") if facts_of(name).reads is Reads.CLIPS else sentence("pictures"),
                    ),
                )
                for name in idle
            ]
        )
    return found


def check_job(connection: Connection, project_id: str, chosen: GalleryFilter) -> None:
    """Raise NotFound when a filter names a job that is none of this project."""
    if chosen.job is None:
        return
    if connection.scalar(select(Job.id).where(Job.id == chosen.job, Job.project_id == project_id)) is None:
        raise NotFound(f"There is no job {chosen.job} in your project.")


def _can_read(scorer: str, frames: int) -> bool:
    reads = facts_of(scorer).reads
    return reads is Reads.BOTH or (reads is Reads.CLIPS) == (frames > 1)


def _scored(connection: Connection, project_id: str, chosen: GalleryFilter, scorer: str | None) -> Any:
    """The scores of the chosen renders, by one scorer or by all."""
    statement = selection(connection, project_id, chosen)
    renders = statement.subquery()
    mine = [Score.project_id == project_id] + ([] if scorer is None else [Score.scorer == scorer])
    return (
        select(Score.render_id, Score.scorer, Score.status, Score.value, Score.made_by, Score.reason, Score.scored_at)
        .add_columns(renders.c.job_id, renders.c["index"])
        .join(renders, renders.c.id == Score.render_id)
        .where(*mine)
    )


def _order(best_first: bool) -> list[Any]:
    if best_first:
        return [Score.value.desc(), Score.render_id]
    return [Score.value, Score.render_id]


def _behind(place: ScorePlace, best_first: bool) -> Any:
    if place.value is None:
        return Score.render_id > place.render_id
    further = Score.value < place.value if best_first else Score.value > place.value
    return or_(further, and_(Score.value == place.value, Score.render_id > place.render_id))


def _score(row: Any) -> schemas.Score:
    return schemas.Score(
        render_id=row.render_id,
        job_id=row.job_id,
        index=row._mapping["index"],  # a row is a tuple, which has an `index` of its own
        scorer=row.scorer,
        status=row.status,
        value=row.value,
        made_by=row.made_by,
        reason=row.reason,
        scored_at=iso_or_none(row.scored_at),
    )
