"""Who renders and who decides: pools, workers, and leases of duties."""

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from farm.lifecycle import WorkerStatus
from farm.tables.base import HOT_ROWS, Base, Document, Id, Name, Seconds, one_of


class Pool(Base):
    """The workers of one kind of hardware that serve a lane; one Celery queue `render.<pool>`."""

    __tablename__ = "pools"
    name: Mapped[Name] = mapped_column(primary_key=True)
    lane: Mapped[Name] = mapped_column(ForeignKey("lanes.name"), index=True)
    max_batch: Mapped[int]  # renders in one claim, before the measured batch curve says better
    paused_at: Mapped[Seconds | None]


class Worker(Base):
    """One worker process: a Celery parent and its engine."""

    __tablename__ = "workers"
    __table_args__ = (
        one_of("status", WorkerStatus),
        Index("ix_workers_pool_heartbeat_at", "pool", "heartbeat_at"),
        HOT_ROWS,
    )
    id: Mapped[Id] = mapped_column(primary_key=True)
    pool: Mapped[Name] = mapped_column(ForeignKey("pools.name"))
    host: Mapped[Name]
    pid: Mapped[int]
    status: Mapped[str] = mapped_column(String(20))  # farm.lifecycle.WorkerStatus
    device: Mapped[str] = mapped_column(String(100))
    model: Mapped[Name]
    details: Mapped[Document]  # versions, weight hashes, threads
    started_at: Mapped[Seconds]
    heartbeat_at: Mapped[Seconds]
    renders_done: Mapped[int] = mapped_column(default=0)
    engine_restarts: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str | None] = mapped_column(Text)


class Lease(Base):
    """Who acts: any number of supervisors run, the holder of the lease does the duties."""

    __tablename__ = "leases"
    name: Mapped[Name] = mapped_column(primary_key=True)
    holder: Mapped[str] = mapped_column(String(100))
    until: Mapped[Seconds]
