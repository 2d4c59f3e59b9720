"""What lies in object storage: artifacts of renders, and inputs that people uploaded."""

from sqlalchemy import BigInteger, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from farm.tables.base import Base, Document, Double, Id, Name, Seconds

_UNCHOSEN = text("score IS NOT NULL AND kept IS NULL")


class Artifact(Base):
    """A stored file of a render, written once under the key of its own attempt."""

    __tablename__ = "artifacts"
    __table_args__ = (
        Index("ix_artifacts_render_id_attempt", "render_id", "attempt"),
        Index(
            "ix_artifacts_checkpoint",
            "render_id",
            sqlite_where=text("kind = 'checkpoint'"),
            postgresql_where=text("kind = 'checkpoint'"),
        ),
        Index("ix_artifacts_unchosen", "render_id", sqlite_where=_UNCHOSEN, postgresql_where=_UNCHOSEN),
    )
    id: Mapped[Id] = mapped_column(primary_key=True)
    render_id: Mapped[Id] = mapped_column(ForeignKey("renders.id"))
    attempt: Mapped[int]
    kind: Mapped[str] = mapped_column(String(20))  # a value of farm.storage_keys.ArtifactKind
    key: Mapped[str] = mapped_column(String(500), unique=True)  # in the farm's bucket
    content_type: Mapped[str] = mapped_column(String(100))
    size: Mapped[int] = mapped_column(BigInteger)  # bytes
    sha256: Mapped[str] = mapped_column(String(64))
    width: Mapped[int | None]  # pixels
    height: Mapped[int | None]
    frames: Mapped[int | None]
    score: Mapped[Double | None]  # of a manifest: what the render's scorer said of its output
    kept: Mapped[bool | None]  # of one with a score; none: the best of its prompt are still to be chosen
    created_at: Mapped[Seconds]


class Input(Base):
    """A file that a project uploaded for its renders to start from."""

    __tablename__ = "inputs"
    id: Mapped[Id] = mapped_column(primary_key=True)
    project_id: Mapped[Id] = mapped_column(ForeignKey("projects.id"), index=True)
    name: Mapped[Name]
    key: Mapped[str] = mapped_column(String(500), unique=True)
    content_type: Mapped[str] = mapped_column(String(100))
    size: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[Seconds]
    width: Mapped[int | None]  # pixels
    height: Mapped[int | None]
    frames: Mapped[int | None]  # of a clip
    frame_rate: Mapped[float | None]  # of a clip, frames a second
    used_at: Mapped[Seconds | None]  # by the newest job that was admitted with it
    adapter: Mapped[Document | None]  # farm.adapters.compatibility; none: no adapter, or not known
