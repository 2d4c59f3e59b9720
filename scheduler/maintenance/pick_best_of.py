"""Duty: of the seeds of a prompt the best are kept, as their scorer said; the others lose their large files.

A render that is not kept stays done, with its thumbnail, its manifest and its score: it can be looked at, and rendered
again. Choices are made when a job has ended and nothing of it is still to be scored. If one that failed is tried again
later, it competes with those that were kept. Files before rows.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import structlog
from sqlalchemy import delete, exists, literal, literal_column, select, update
from sqlalchemy.orm import aliased

from farm.connections import Connections
from farm.database import read, write
from farm.errors import StorageDown
from farm.storage_keys import ArtifactKind
from farm.tables import Artifact, Job, Render, Score

log = structlog.get_logger(__name__)

EVERY_SECONDS = 2.0
#: Jobs in one pass.
JOBS_A_PASS = 8
_UNCHOSEN = (Artifact.score.is_not(None), Artifact.kept.is_(None))
_LARGE = (ArtifactKind.OUTPUT, ArtifactKind.POSTER, ArtifactKind.LATENTS)


_OTHER = aliased(Render)
#: Renders of the job that its own scorer is still to score, as `farm scorer` does for those that need weights.
_STILL_SCORED = exists(
    select(literal(1))
    .select_from(Score)
    .join(_OTHER, _OTHER.id == Score.render_id)
    .where(
        Score.status == literal_column("'pending'"),  # a literal, so that the partial index may be used
        Score.project_id == Job.project_id,
        Score.scorer == Job.request["scorer"].as_string(),
        _OTHER.job_id == Job.id,
    )
).correlate(Job)


def one_pass(connections: Connections, now: float) -> int:
    """Choose for some jobs that have ended; returns how many renders were not kept. Reads ix_artifacts_unchosen."""
    waiting = (
        select(Job.id)
        .join(Render, Render.job_id == Job.id)
        .join(Artifact, Artifact.render_id == Render.id)
        .where(*_UNCHOSEN, Job.finished_at.is_not(None), ~_STILL_SCORED)
        .distinct()
        .limit(JOBS_A_PASS)
    )
    with read(connections.engine) as connection:
        job_ids = connection.scalars(waiting).all()
    try:
        return sum(_choose(connections, job_id) for job_id in job_ids)
    except StorageDown as error:
        log.warning("nothing is chosen for now: files cannot be removed", reason=str(error))
        return 0


def _choose(connections: Connections, job_id: str) -> int:
    """Keep the best of each prompt of one job."""
    with read(connections.engine) as connection:
        rows = connection.execute(
            select(Render.id, Render.index, Render.attempt, Render.parameters, Artifact.id.label("manifest"))
            .add_columns(Artifact.score, Artifact.kept)
            .join(Artifact, (Artifact.render_id == Render.id) & (Artifact.attempt == Render.attempt))
            .where(Render.job_id == job_id, Artifact.score.is_not(None))
        ).all()
    groups: defaultdict[int, list[Any]] = defaultdict(list)
    for row in rows:
        groups[row._mapping["index"] // (row.parameters["best_of"] or 1)].append(row)
    kept, dropped = list[Any](), list[Any]()
    for group in groups.values():
        # Of equal scores the first in the job; those that have lost before have nothing left to be kept.
        group.sort(key=lambda row: (row.kept is False, -row.score, row._mapping["index"]))
        keep = group[0].parameters["keep_best"] or len(group)
        kept += [row for row in group[:keep] if row.kept is None]
        dropped += [row for row in group[keep:] if row.kept is not False]
    _remove_files(connections, dropped)
    with write(connections.engine) as connection:
        for rows, chosen in ((kept, True), (dropped, False)):
            ids = [row.manifest for row in rows]
            connection.execute(update(Artifact).where(Artifact.id.in_(ids)).values(kept=chosen))
    if dropped:
        log.info("the best were chosen", job=job_id, kept=len(kept), others=len(dropped))
    return len(dropped)


def _remove_files(connections: Connections, renders: Sequence[Any]) -> None:
    """The large files of these renders. Raises StorageDown."""
    large = Artifact.kind.in_([kind.value for kind in _LARGE])
    theirs = Artifact.render_id.in_([row.id for row in renders])
    with read(connections.engine) as connection:
        files = connection.execute(select(Artifact.id, Artifact.key).where(theirs, large)).all()
    connections.storage.delete([file.key for file in files])
    with write(connections.engine) as connection:
        connection.execute(delete(Artifact).where(Artifact.id.in_([file.id for file in files])))
