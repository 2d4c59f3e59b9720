"""What people filled into the Submit form and want to fill in again."""

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from farm.tables.base import Base, Document, Id, Name, Seconds


class Preset(Base):
    """The fields of the Submit form under a name, of one person in one project."""

    __tablename__ = "presets"
    __table_args__ = (Index("ix_presets_project_id_user_id_name", "project_id", "user_id", "name", unique=True),)
    id: Mapped[Id] = mapped_column(primary_key=True)
    project_id: Mapped[Id] = mapped_column(ForeignKey("projects.id"))
    user_id: Mapped[Id | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))  # none: keys of no person
    name: Mapped[Name]
    fields: Mapped[Document]  # as they are typed: name of the field → text
    updated_at: Mapped[Seconds]
