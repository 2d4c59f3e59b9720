"""Where the manifests of a job are."""

from typing import NamedTuple

from sqlalchemy import Connection, select

from farm.storage_keys import ArtifactKind
from farm.tables import Artifact, Render


class StoredManifest(NamedTuple):
    """The manifest of a render that is done, and where it lies."""

    place: int  # the index of the render
    key: str


def list_manifests(connection: Connection, job_id: str, *, after: int, limit: int) -> list[StoredManifest]:
    """Those of the renders with an index above `after`, in the order of the index. One statement."""
    rows = connection.execute(
        select(Render.index, Artifact.key)
        .join(Artifact, (Artifact.render_id == Render.id) & (Artifact.attempt == Render.attempt))
        .where(
            Render.job_id == job_id,
            Render.index > after,
            Render.status == "done",
            Artifact.kind == ArtifactKind.MANIFEST.value,
        )
        .order_by(Render.index)
        .limit(limit)
    )
    return [StoredManifest(place, key) for place, key in rows]
