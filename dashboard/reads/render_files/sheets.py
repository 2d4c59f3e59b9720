"""What stands on the contact sheet of a job."""

from dataclasses import dataclass

from sqlalchemy import Connection, select

from dashboard.reads.renders import artifacts_of
from farm.storage_keys import ArtifactKind
from farm.tables import Render

#: Pictures of one sheet.
MOST_TILES = 100


@dataclass(frozen=True)
class Tile:
    """A render that is done: where its thumbnail lies, and what is said of it."""

    thumbnail: str  # its key in the bucket
    index: int
    seed: int | None
    score: float | None
    kept: bool | None


def list_tiles(connection: Connection, job_id: str, *, after: int, limit: int) -> list[Tile]:
    """Of the first `limit` done renders with an index above `after`, those with a thumbnail, in two statements.

    Whose job it is must have been looked at. It walks along the job until it has found so many.
    """
    rows = connection.execute(
        select(Render.id, Render.index, Render.parameters)
        .where(Render.job_id == job_id, Render.index > after, Render.status == "done")
        .order_by(Render.index)
        .limit(limit)
    ).all()
    files = artifacts_of(connection, [row.id for row in rows])
    found: list[Tile] = []
    for row in rows:
        thumbnail = next((file for file in files.get(row.id, []) if file.kind == ArtifactKind.THUMBNAIL), None)
        scored = next((file for file in files.get(row.id, []) if file.score is not None), None)
        if thumbnail is not None:
            found.append(
                Tile(
                    thumbnail=thumbnail.key,
                    index=row._mapping["index"],  # a row is a tuple, which has an `index` of its own
                    seed=row.parameters.get("seed"),
                    score=scored.score if scored else None,
                    kept=scored.kept if scored else None,
                )
            )
    return found
