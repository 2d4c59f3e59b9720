"""What people show to others who have no key and no password, and until when."""

from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from farm.tables.base import Base, Id, Seconds, one_of


class SharedKind(StrEnum):
    """What a share link shows."""

    RENDER = "render"
    JOB = "job"  # what is done of it, also later
    BOARD = "board"  # what is on it, also later


class ShareLink(Base):
    """An address that shows something of a project, to read only, until it ends."""

    __tablename__ = "share_links"
    __table_args__ = (one_of("kind", SharedKind), Index("ix_share_links_project_id_id", "project_id", "id"))
    id: Mapped[Id] = mapped_column(primary_key=True)
    project_id: Mapped[Id] = mapped_column(ForeignKey("projects.id"))
    user_id: Mapped[Id | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))  # who made it
    secret_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    kind: Mapped[str] = mapped_column(String(20))
    target: Mapped[Id]  # of a render, a job or a board, which may be gone since
    parameters: Mapped[bool]  # whether it shows prompts and how things were made
    created_at: Mapped[Seconds]
    expires_at: Mapped[Seconds]
    revoked_at: Mapped[Seconds | None]
