"""Who renders and who decides: pools, workers, and leases of duties."""

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from farm.lifecycle import WorkerStatus
from farm.tables.base import HOT_ROWS, Base, Document, Double, Id, Name, Seconds, one_of


class Pool(Base):
    """The workers of one kind of hardware that serve a lane; one Celery queue `render.<pool>`."""

    __tablename__ = "pools"
    name: Mapped[Name] = mapped_column(primary_key=True)
    lane: Mapped[Name] = mapped_column(ForeignKey("lanes.name"), index=True)
    max_batch: Mapped[int]  # renders in one claim, before the measured batch curve says better
    paused_at: Mapped[Seconds | None]
    price_per_hour: Mapped[Double] = mapped_column(default=0.0)  # of one worker, in the farm's currency
    watts: Mapped[Double] = mapped_column(default=0.0)  # that one worker draws while it renders
    desired: Mapped[int | None]  # workers that the autoscaler wants; none: nobody scales this pool
    decision: Mapped[str | None] = mapped_column(Text)  # why, in one line
    decided_at: Mapped[Seconds | None]
    scaling_memory: Mapped[Document | None]  # what the autoscaler remembers: any supervisor may decide next
    scale_minimum: Mapped[int | None]  # an operator's, in place of the catalog's; none: as the catalog says
    scale_maximum: Mapped[int | None]


class ScaleDecision(Base):
    """One change of a pool's wanted workers, and why."""

    __tablename__ = "scale_decisions"
    __table_args__ = (Index("ix_scale_decisions_pool_at", "pool", "at"),)
    id: Mapped[Id] = mapped_column(primary_key=True)
    pool: Mapped[Name] = mapped_column(ForeignKey("pools.name"))
    at: Mapped[Seconds] = mapped_column(index=True)
    before: Mapped[int]
    after: Mapped[int]
    reason: Mapped[str] = mapped_column(Text)


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
    leased: Mapped[int] = mapped_column(default=0)  # renders whose lease it has, as its last heartbeat said
    busy_until: Mapped[Seconds | None]  # when it thinks that these are finished
    clock_skew: Mapped[Double | None]  # seconds by which its machine's own clock is ahead of the farm's
    storage_away_since: Mapped[Seconds | None]  # it can store nothing since then, as its last beat said
    storage_trouble: Mapped[str | None] = mapped_column(Text)  # and why; names nobody's file
    signed_off_at: Mapped[Seconds | None]  # when it ended by itself or because it was asked; none of one that was lost
    drain_asked_at: Mapped[Seconds | None]  # told to finish what it holds and to end
    quarantined_at: Mapped[Seconds | None]  # claims nothing: it fails where others succeed
    quarantine_reason: Mapped[str | None] = mapped_column(Text)
    released_at: Mapped[Seconds | None]  # by an operator: what failed before then is forgotten


class WorkerSample(Base):
    """What a worker did at one moment. Written every half a minute, kept for a few hours."""

    __tablename__ = "worker_samples"
    worker_id: Mapped[Id] = mapped_column(primary_key=True)
    at: Mapped[Seconds] = mapped_column(primary_key=True, index=True)
    status: Mapped[str] = mapped_column(String(20))  # of WorkerStatus, or quarantined, silent
    leased: Mapped[int]
    renders_done: Mapped[int]  # in all, so that the difference of two says how many came between


class LaneSample(Base):
    """How much waited in a lane at one moment. Written every half a minute, kept for a few days."""

    __tablename__ = "lane_samples"
    lane: Mapped[Name] = mapped_column(primary_key=True)
    at: Mapped[Seconds] = mapped_column(primary_key=True, index=True)
    pending: Mapped[int]  # renders that wait for a worker
    gpu_seconds: Mapped[Double]  # that these are estimated to take
    oldest_wait_seconds: Mapped[Double]  # since the oldest job with waiting renders was submitted
    running: Mapped[int]


class Lease(Base):
    """Who acts: any number of supervisors run, the holder of the lease does the duties."""

    __tablename__ = "leases"
    name: Mapped[Name] = mapped_column(primary_key=True)
    holder: Mapped[str] = mapped_column(String(100))
    until: Mapped[Seconds]
