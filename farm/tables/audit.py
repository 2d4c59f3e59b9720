"""The audit log."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from farm.tables.base import Base, Document, Id, Name, Seconds


class AuditEntry(Base):
    """Who did what to what. It refers to nothing: whom it names may be removed, the entry stays.

    Written by `farm.audit.record` alone; what is older than `retain_audit_days` goes.
    """

    __tablename__ = "audit_log"
    id: Mapped[Id] = mapped_column(primary_key=True)
    at: Mapped[Seconds] = mapped_column(index=True)
    action: Mapped[str] = mapped_column(String(40))  # farm.audit.record.Action
    actor: Mapped[Name]  # the name of the user, of the key, or of the operating system's user
    user_id: Mapped[Id | None]
    key_id: Mapped[Id | None]
    via: Mapped[str] = mapped_column(String(20))  # farm.audit.actor.Via
    address: Mapped[str | None] = mapped_column(String(64))
    request_id: Mapped[str | None] = mapped_column(String(128))
    project_id: Mapped[Id | None]
    target: Mapped[Name | None]
    details: Mapped[Document]
