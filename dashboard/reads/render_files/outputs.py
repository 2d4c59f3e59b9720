"""Finished outputs, as downloads name them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from farm.client.replies import Artifact as NamedArtifact
from farm.client.replies import Render as NamedRender
from farm.storage_keys import ArtifactKind
from farm.tables import Artifact, Render


@dataclass(frozen=True)
class StoredOutput:
    """An output: where it lies, and what names are made of."""

    render: NamedRender
    artifact: NamedArtifact
    key: str


def list_outputs(connection: Connection, job_id: str, *, after: int, limit: int) -> list[StoredOutput]:
    """Those of the renders that are done, with an index above `after`, in the order of the index. One statement."""
    of_job = _OUTPUTS.where(Render.job_id == job_id, Render.index > after)
    return [_output(row) for row in connection.execute(of_job.order_by(Render.index).limit(limit))]


def outputs_of(connection: Connection, render_ids: Sequence[str]) -> list[StoredOutput]:
    """Those of these renders that are done, in this order. Whose they are is for the caller to know. One statement."""
    rows = {row.id: row for row in connection.execute(_OUTPUTS.where(Render.id.in_(render_ids)))}
    return [_output(rows[one]) for one in render_ids if one in rows]


_OUTPUTS = (
    select(Render.id, Render.job_id, Render.index.label("place"), Render.parameters)
    .add_columns(Artifact.key, Artifact.content_type, Artifact.size, Artifact.sha256)
    .join(Artifact, (Artifact.render_id == Render.id) & (Artifact.attempt == Render.attempt))
    .where(Render.status == "done", Artifact.kind == ArtifactKind.OUTPUT.value)
)


def _output(row: Any) -> StoredOutput:
    return StoredOutput(
        NamedRender(id=row.id, job_id=row.job_id, index=row.place, status="done", parameters=row.parameters),
        NamedArtifact(
            kind=ArtifactKind.OUTPUT.value, content_type=row.content_type, size=row.size, sha256=row.sha256, url=""
        ),
        row.key,
    )
