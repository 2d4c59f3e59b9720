"""Who is told when jobs and renders end, and what there is to tell: webhooks, and their deliveries."""

from sqlalchemy import JSON, ForeignKey, Index, String, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from farm.tables.base import Base, Id, Seconds

_DUE = text("next_attempt_at IS NOT NULL")
_COLLECTING = text("collecting_job_id IS NOT NULL")


class Webhook(Base):
    """An address of a project that is told of its events."""

    __tablename__ = "webhooks"
    id: Mapped[Id] = mapped_column(primary_key=True)
    project_id: Mapped[Id] = mapped_column(ForeignKey("projects.id"), index=True)
    url: Mapped[str] = mapped_column(String(1000))
    #: 'whsec_…': what signs needs it whole, so it cannot be kept as a hash. Shown once, when it is made.
    secret: Mapped[str] = mapped_column(String(100))
    #: The one before, which signs too until then, so that a receiver can change over in its own time.
    old_secret: Mapped[str | None] = mapped_column(String(100))
    old_secret_until: Mapped[Seconds | None]
    event_types: Mapped[list[str]] = mapped_column(JSON().with_variant(JSONB(), "postgresql"))
    enabled: Mapped[bool]
    disabled_reason: Mapped[str | None] = mapped_column(Text)  # of one that the farm has disabled
    created_at: Mapped[Seconds]


class WebhookDelivery(Base):
    """One event for one webhook: what is still to be sent, and then the log of it.

    Written in the transaction of what it tells of, so that neither is there without the other.
    """

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        Index("ix_webhook_deliveries_webhook_id_id", "webhook_id", "id"),
        Index("ix_webhook_deliveries_due", "webhook_id", "next_attempt_at", sqlite_where=_DUE, postgresql_where=_DUE),
        Index(
            "ix_webhook_deliveries_collecting_job_id",
            "collecting_job_id",
            sqlite_where=_COLLECTING,
            postgresql_where=_COLLECTING,
        ),
    )
    id: Mapped[Id] = mapped_column(primary_key=True)
    webhook_id: Mapped[Id] = mapped_column(ForeignKey("webhooks.id", ondelete="CASCADE"))
    event_id: Mapped[Id]  # the header webhook-id: the same for all webhooks that are told of it, and at each attempt
    event_type: Mapped[str] = mapped_column(String(40))
    payload: Mapped[str] = mapped_column(Text)  # the body, byte for byte: it is signed
    #: The job whose renders it still takes in as they end; none: it is complete, or no attempt may change it any more.
    collecting_job_id: Mapped[Id | None]
    attempts: Mapped[int] = mapped_column(default=0)
    next_attempt_at: Mapped[Seconds | None]  # none: delivered, or given up
    attempted_at: Mapped[Seconds | None]
    last_status: Mapped[int | None]  # of HTTP; none: no answer came
    last_error: Mapped[str | None] = mapped_column(Text)
    delivered_at: Mapped[Seconds | None]
    created_at: Mapped[Seconds]
