"""Renders that are done, without a worker: for tests of what comes afterwards."""

from sqlalchemy import insert, select, update

from farm.connections import Connections
from farm.database import write
from farm.ids import new_id
from farm.storage_keys import ArtifactKind, artifact_key
from farm.tables import Artifact, Job, Render

#: A thumbnail and an output of 1 × 1 pixels.
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360f8cf500f000382"
    "0181a35b3ca10000000049454e44ae426082"
)


def finish_everything(connections: Connections, *, but: str | None = None, stored: bool = False) -> None:
    """Make all that waits done, in all projects, each with an output and a thumbnail; `but`: of no such prompt."""
    now = connections.clock()
    with write(connections.engine) as connection:
        waiting = connection.execute(
            select(Render.id, Render.job_id, Render.project_id, Render.parameters).where(Render.status == "pending")
        ).all()
        done = [row for row in waiting if but is None or but not in row.parameters["prompt"]]
        files = []
        for row in done:
            for kind, name in ((ArtifactKind.OUTPUT, "output.png"), (ArtifactKind.THUMBNAIL, "thumbnail.png")):
                key = artifact_key(row.project_id, row.job_id, row.id, 0, name)
                if stored:
                    connections.storage.put(key, PIXEL, "image/png")
                files.append(
                    {
                        "id": new_id(),
                        "render_id": row.id,
                        "attempt": 0,
                        "kind": kind.value,
                        "key": key,
                        "content_type": "image/png",
                        "size": len(PIXEL),
                        "sha256": "0" * 64,
                        "width": row.parameters["width"],
                        "height": row.parameters["height"],
                        "created_at": now,
                    }
                )
        for first in range(0, len(files), 1000):
            connection.execute(insert(Artifact), files[first : first + 1000])
        ids = [row.id for row in done]
        for first in range(0, len(ids), 1000):
            some = Render.id.in_(ids[first : first + 1000])
            connection.execute(update(Render).where(some).values(status="done", finished_at=now))
        jobs = {row.job_id for row in done}
        ended = {"status": "done", "finished_at": now, "renders_done": Job.renders_total}
        connection.execute(update(Job).where(Job.id.in_(jobs)).values(ended))
