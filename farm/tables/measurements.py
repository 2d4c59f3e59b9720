"""What was measured: how long renders took, what batches bring, what projects used."""

from sqlalchemy import BigInteger, ForeignKey, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from farm.tables.base import HOT_ROWS, Base, Document, Double, Id, Name, Seconds

_NUMBER = BigInteger().with_variant(Integer(), "sqlite")


class Observation(Base):
    """One render as it really went; inserted at its settle, and removed once it was learnt from."""

    __tablename__ = "observations"
    __table_args__ = (HOT_ROWS | {"sqlite_autoincrement": True},)
    id: Mapped[int] = mapped_column(_NUMBER, primary_key=True, autoincrement=True)
    render_id: Mapped[Id]
    pool: Mapped[Name]
    lane: Mapped[Name]
    device: Mapped[str] = mapped_column(String(100))
    width: Mapped[int]  # as the model renders it
    height: Mapped[int]
    frames: Mapped[int]
    forwards: Mapped[int]  # passes through the transformer
    guided: Mapped[bool]
    batch_size: Mapped[int]  # rows of its passes (their mean, rounded)
    steady: Mapped[bool]  # all its passes had the same rows: a point of the batch curve
    encode_seconds: Mapped[Double]
    pass_seconds: Mapped[Double]  # mean wall seconds of one pass for all its rows
    decode_seconds: Mapped[Double]
    gpu_seconds: Mapped[Double]  # what it was charged
    wall_seconds: Mapped[Double]  # from its claim to its settle
    at: Mapped[Seconds]


class BatchCurve(Base):
    """A point of the measured batch curve: how long one pass takes with so many rows of this shape."""

    __tablename__ = "batch_curves"
    lane: Mapped[Name] = mapped_column(ForeignKey("lanes.name"), primary_key=True)
    device: Mapped[str] = mapped_column(String(100), primary_key=True)
    width: Mapped[int] = mapped_column(primary_key=True)
    height: Mapped[int] = mapped_column(primary_key=True)
    frames: Mapped[int] = mapped_column(primary_key=True)
    batch_size: Mapped[int] = mapped_column(primary_key=True)
    samples: Mapped[int]
    pass_seconds: Mapped[Double]  # of one pass for all rows, smoothed
    updated_at: Mapped[Seconds]


class MemoryLimit(Base):
    """How many renders of a shape the memory of a pool's devices held at once, when more were tried."""

    __tablename__ = "memory_limits"
    pool: Mapped[Name] = mapped_column(ForeignKey("pools.name"), primary_key=True)
    device: Mapped[str] = mapped_column(String(100), primary_key=True)
    width: Mapped[int] = mapped_column(primary_key=True)
    height: Mapped[int] = mapped_column(primary_key=True)
    frames: Mapped[int] = mapped_column(primary_key=True)
    held: Mapped[str] = mapped_column(String(64))  # a hash of the settings that say where weights lie
    renders: Mapped[int]
    at: Mapped[Seconds]


class Regression(Base):
    """What a pool has learnt about the time that renders take: the state of an online regression."""

    __tablename__ = "regressions"
    pool: Mapped[Name] = mapped_column(ForeignKey("pools.name"), primary_key=True)
    state: Mapped[Document]  # scheduler.estimates knows what is in it
    samples: Mapped[int]
    updated_at: Mapped[Seconds]


class Usage(Base):
    """What a project used in one pool on one day (UTC), folded from the charges of settles."""

    __tablename__ = "usage"
    __table_args__ = (HOT_ROWS,)
    project_id: Mapped[Id] = mapped_column(ForeignKey("projects.id"), primary_key=True)
    day: Mapped[int] = mapped_column(primary_key=True)  # days since 1970
    pool: Mapped[Name] = mapped_column(primary_key=True)
    gpu_seconds: Mapped[Double]
    money: Mapped[Double]  # at the price of the pool when it was folded
    watt_hours: Mapped[Double]
    renders: Mapped[int]
