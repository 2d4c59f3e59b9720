"""The outputs of a small job, as who waits for them gets them."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from farm.errors import NotFound
from farm.storage_keys import ArtifactKind
from farm.tables import Artifact, Render

#: Jobs that somebody waits for have no more.
_MOST = 100


@dataclass(frozen=True)
class Picture:
    """One render: its picture if it is done, the reason if it is not."""

    render_id: str
    seed: str
    steps: int
    size: str  # WIDTHxHEIGHT of the stored picture, in pixels
    format: str  # png, webp, …
    key: str | None  # where its output lies; none: there is none
    reason: str | None

    @property
    def stored_key(self) -> str:
        """The key of its output. Raises NotFound when it has none."""
        if self.key is None:
            raise NotFound(f"Render {self.render_id} has no output.")
        return self.key


def pictures_of(connection: Connection, project_id: str, job_id: str) -> Sequence[Picture]:
    """The renders of a job of this project in their order, the first hundred. One statement."""
    of_this_attempt = (Artifact.render_id == Render.id) & (Artifact.attempt == Render.attempt)
    rows = connection.execute(
        select(Render.id, Render.parameters, Render.reason, Artifact.key, Artifact.width, Artifact.height)
        .outerjoin(Artifact, of_this_attempt & (Artifact.kind == ArtifactKind.OUTPUT.value))
        .where(Render.job_id == job_id, Render.project_id == project_id)
        .order_by(Render.index)
        .limit(_MOST)
    )
    return [
        Picture(
            render_id=row.id,
            seed=str(row.parameters["seed"]),
            steps=row.parameters["num_inference_steps"],
            size=f"{row.width or row.parameters['width']}x{row.height or row.parameters['height']}",
            format=row.parameters["output_format"] or "png",
            key=row.key,
            reason=row.reason,
        )
        for row in rows
    ]
