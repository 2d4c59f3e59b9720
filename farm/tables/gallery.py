"""What people say of finished renders: marks, tags, boards.

The words of prompts are searched in what migration 0013 makes beside these tables: on SQLite `render_search`, an FTS5
table that triggers on `renders` keep; on PostgreSQL the index `render_search_prompt`.
"""

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from farm.tables.base import Base, Id, Name, Seconds

#: With this begins the name of all that searches prompts: no table here describes it.
SEARCH = "render_search"
_TO_REMOVE = text("delete_at IS NOT NULL AND removed_at IS NULL")


class RenderMark(Base):
    """The rating of a render, whether it is a favourite, and whether it was deleted. No row: nothing was said."""

    __tablename__ = "render_marks"
    __table_args__ = (
        Index("ix_render_marks_delete_at", "delete_at", sqlite_where=_TO_REMOVE, postgresql_where=_TO_REMOVE),
    )
    render_id: Mapped[Id] = mapped_column(ForeignKey("renders.id", ondelete="CASCADE"), primary_key=True)
    rating: Mapped[int | None]  # 1 … 5
    favourite: Mapped[bool] = mapped_column(default=False)
    delete_at: Mapped[Seconds | None]  # somebody deleted it: its files are removed then
    removed_at: Mapped[Seconds | None]  # when they were


class RenderTag(Base):
    """A word that people gave to a render, in lower case."""

    __tablename__ = "render_tags"
    __table_args__ = (Index("ix_render_tags_project_id_tag", "project_id", "tag"),)
    render_id: Mapped[Id] = mapped_column(ForeignKey("renders.id", ondelete="CASCADE"), primary_key=True)
    tag: Mapped[str] = mapped_column(String(50), primary_key=True)
    project_id: Mapped[Id]  # of its render


class Board(Base):
    """A named collection of a project's renders."""

    __tablename__ = "boards"
    __table_args__ = (UniqueConstraint("project_id", "name"),)
    id: Mapped[Id] = mapped_column(primary_key=True)
    project_id: Mapped[Id] = mapped_column(ForeignKey("projects.id"))
    name: Mapped[Name]
    created_at: Mapped[Seconds]


class BoardRender(Base):
    """A render on a board."""

    __tablename__ = "board_renders"
    board_id: Mapped[Id] = mapped_column(ForeignKey("boards.id", ondelete="CASCADE"), primary_key=True)
    render_id: Mapped[Id] = mapped_column(ForeignKey("renders.id", ondelete="CASCADE"), primary_key=True, index=True)
