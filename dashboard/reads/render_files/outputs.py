"""The finished outputs of a job, as downloads name them."""

from dataclasses import dataclass

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
    rows = connection.execute(
        select(Render.id, Render.index, Render.parameters, Artifact.key, Artifact.content_type, Artifact.size)
        .add_columns(Artifact.sha256)
        .join(Artifact, (Artifact.render_id == Render.id) & (Artifact.attempt == Render.attempt))
        .where(
            Render.job_id == job_id,
            Render.index > after,
            Render.status == "done",
            Artifact.kind == ArtifactKind.OUTPUT.value,
        )
        .order_by(Render.index)
        .limit(limit)
    )
    return [
        StoredOutput(
            NamedRender(id=id_, job_id=job_id, index=index, status="done", parameters=parameters),
            NamedArtifact(kind=ArtifactKind.OUTPUT.value, content_type=kind, size=size, sha256=sha256, url=""),
            key,
        )
        for id_, index, parameters, key, kind, size, sha256 in rows
    ]
