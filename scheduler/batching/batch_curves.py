"""The measured batch curves in SQL: how long one pass takes with so many rows, by lane, device and shape.

One writer, the duty that learns from observations; workers and pages read. Only steady renders make points: all of
their passes had the same number of rows, so the seconds of their passes belong to that number.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Connection, insert, select, tuple_, update

from farm.tables import BatchCurve
from scheduler.batching.batch_size_per_pass import CurvePoint

#: A new measurement counts at least this much against all before it: a device that got slower is seen
#: within some ten renders. The first ones count equally.
FRESH = 0.1


@dataclass(frozen=True, order=True)
class Shape:
    """Width and height in pixels, as the model renders them, and frames."""

    width: int
    height: int
    frames: int


@dataclass(frozen=True)
class Curve:
    """The points of one lane on one device for one shape, by batch size."""

    lane: str
    device: str
    shape: Shape
    points: list[CurvePoint]
    updated_at: float  # seconds since 1970


class Measured(Protocol):
    """What is learnt from: a row of `observations`."""

    @property
    def lane(self) -> str: ...
    @property
    def device(self) -> str: ...
    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def frames(self) -> int: ...
    @property
    def batch_size(self) -> int: ...
    @property
    def steady(self) -> bool: ...
    @property
    def pass_seconds(self) -> float: ...
    @property
    def at(self) -> float: ...


_KEY = (
    BatchCurve.lane,
    BatchCurve.device,
    BatchCurve.width,
    BatchCurve.height,
    BatchCurve.frames,
    BatchCurve.batch_size,
)
_Key = tuple[str, str, int, int, int, int]


def learn(connection: Connection, observed: Sequence[Measured]) -> None:
    """Move the points towards what was measured: the mean of the first ten, then FRESH of each new one.

    One writer at a time: the caller holds the lease of its duty. Reads and writes by primary key.
    """
    measured: defaultdict[_Key, list[Measured]] = defaultdict(list)
    for one in observed:
        if one.steady and one.pass_seconds > 0 and one.batch_size > 0:
            key = (one.lane, one.device, one.width, one.height, one.frames, one.batch_size)
            measured[key].append(one)
    if not measured:
        return
    rows = connection.execute(
        select(*_KEY, BatchCurve.samples, BatchCurve.pass_seconds).where(tuple_(*_KEY).in_(sorted(measured)))
    )
    known = {tuple(row[:6]): (row.samples, row.pass_seconds) for row in rows}
    for key, ones in sorted(measured.items()):
        samples, seconds = known.get(key, (0, 0.0))
        for one in ones:
            samples += 1
            seconds += max(1 / samples, FRESH) * (one.pass_seconds - seconds)
        values = {"samples": samples, "pass_seconds": seconds, "updated_at": max(one.at for one in ones)}
        named = dict(zip((column.key for column in _KEY), key, strict=True))
        if key in known:
            connection.execute(update(BatchCurve).where(tuple_(*_KEY) == key).values(values))
        else:
            connection.execute(insert(BatchCurve).values(named | values))


def read(connection: Connection, lane: str, device: str, shape: Shape) -> list[CurvePoint]:
    """The points of one curve by batch size; empty when nothing was measured."""
    rows = connection.execute(
        select(BatchCurve.batch_size, BatchCurve.pass_seconds, BatchCurve.samples)
        .where(
            BatchCurve.lane == lane,
            BatchCurve.device == device,
            BatchCurve.width == shape.width,
            BatchCurve.height == shape.height,
            BatchCurve.frames == shape.frames,
        )
        .order_by(BatchCurve.batch_size)
    )
    return [CurvePoint(*row) for row in rows]


def read_all(connection: Connection, *lanes: str, device: str | None = None) -> list[Curve]:
    """All curves of these lanes, by lane, device and shape; of one device if it is named. One statement."""
    statement = select(BatchCurve.__table__).where(BatchCurve.lane.in_(lanes)).order_by(*_KEY)
    if device is not None:
        statement = statement.where(BatchCurve.device == device)
    found: dict[tuple[str, str, Shape], list[tuple[CurvePoint, float]]] = {}
    for row in connection.execute(statement):
        key = (row.lane, row.device, Shape(row.width, row.height, row.frames))
        found.setdefault(key, []).append((CurvePoint(row.batch_size, row.pass_seconds, row.samples), row.updated_at))
    return [
        Curve(lane, on, shape, [point for point, _ in points], max(at for _, at in points))
        for (lane, on, shape), points in found.items()
    ]
