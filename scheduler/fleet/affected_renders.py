"""Which renders a worker may have spoilt after a render with adapters (LoRA) had failed there.

Versions without this module left a LoRA on after another one of which nothing could be loaded. An engine stays as it is
until its process ends, which SQL does not keep the time of; a worker's row and id last as long as its parent. So what
is found is rather too much: everything that the worker rendered from then on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, or_, select

from farm.lifecycle import Outcome, RenderStatus
from farm.storage_keys import ArtifactKind
from farm.tables import Artifact, Attempt, Job, Project, Render

_RENDERS_AT_ONCE = 500


@dataclass(frozen=True)
class Failure:
    """The first attempt of a worker that failed with adapters. Times in seconds since 1970."""

    worker_id: str
    render_id: str
    reason: str | None
    began_at: float
    ended_at: float


@dataclass(frozen=True)
class AffectedRender:
    """A finished render that was, at least in part, made by a worker after its `failure`. Keys are of the bucket."""

    render_id: str
    job_id: str
    project: str
    model: str
    finished_at: float
    parameters: dict[str, Any]
    output_key: str
    manifest_key: str
    failure: Failure

    @property
    def adapters(self) -> list[str]:
        """The names of its own."""
        return [adapter["name"] for adapter in self.parameters.get("loras") or []]


def find_affected(connection: Connection, since: float, until: float) -> list[AffectedRender]:
    """Renders of all projects after failures between the two times; those of one model stand together."""
    failures = find_failures(connection, since, until)
    found = dict[str, AffectedRender]()
    for failure in failures:
        for row in _rendered_after(connection, failure):
            found.setdefault(row.id, _affected(row, failure))
    return sorted(found.values(), key=lambda one: (one.model, one.finished_at, one.render_id))


def find_failures(connection: Connection, since: float, until: float) -> list[Failure]:
    """The first of each worker between the two times, of renders that wanted adapters. Reads ix_attempts_failed."""
    failed = (
        select(
            *(Attempt.worker_id, Attempt.render_id, Attempt.reason, Attempt.started_at, Attempt.ended_at),
            Render.parameters,
        )
        .join(Render, Render.id == Attempt.render_id)
        .where(Attempt.outcome == Outcome.FAILED.value, Attempt.ended_at.between(since, until))
        .order_by(Attempt.started_at)
    )
    first = dict[str, Failure]()
    for row in connection.execute(failed):
        if row.parameters.get("loras"):
            failure = Failure(row.worker_id, row.render_id, row.reason, row.started_at, row.ended_at)
            first.setdefault(row.worker_id, failure)
    return list(first.values())


def _rendered_after(connection: Connection, failure: Failure) -> Sequence[Row[Any]]:
    """Reads all attempts, of which none knows its worker by an index: this is asked seldom.

    From when the failed attempt began, since others in the same engine may have been settled before it was. Any of a
    render's attempts counts: one that was begun there may have gone on elsewhere, from its checkpoint.
    """
    there = (
        select(Attempt.render_id)
        .where(Attempt.worker_id == failure.worker_id)
        .where(or_(Attempt.ended_at >= failure.began_at, Attempt.ended_at.is_(None)))
    )
    keys = [
        select(func.max(Artifact.key))
        .where(Artifact.render_id == Render.id, Artifact.attempt == Render.attempt, Artifact.kind == kind.value)
        .scalar_subquery()
        .label(f"{kind.value}_key")
        for kind in (ArtifactKind.OUTPUT, ArtifactKind.MANIFEST)
    ]
    statement = (
        select(Render.id, Render.job_id, Render.parameters, Render.finished_at, *keys)
        .add_columns(Job.model, Project.name.label("project"))
        .join(Job, Job.id == Render.job_id)
        .join(Project, Project.id == Render.project_id)
        .where(Render.id.in_(there), Render.status == RenderStatus.DONE.value)
    )
    rows = connection.execution_options(yield_per=_RENDERS_AT_ONCE).execute(statement)
    return [row for row in rows if row.output_key and row.manifest_key]


def _affected(row: Row[Any], failure: Failure) -> AffectedRender:
    return AffectedRender(
        render_id=row.id,
        job_id=row.job_id,
        project=row.project,
        model=row.model,
        finished_at=row.finished_at,
        parameters=row.parameters,
        output_key=row.output_key,
        manifest_key=row.manifest_key,
        failure=failure,
    )
