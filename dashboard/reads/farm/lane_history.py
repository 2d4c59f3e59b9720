"""What waited in each lane, from the samples of `scheduler.maintenance.record_samples`."""

from sqlalchemy import Connection, func, select

from dashboard import schemas
from dashboard.times import iso
from farm.tables import LaneSample

#: So many points a lane has at the most.
POINTS = 60


def lane_histories(connection: Connection, now: float, seconds: float) -> list[schemas.LaneHistory]:
    """The last `seconds` of every lane with a sample, by name; reads ix_lane_samples_at. One statement.

    Of each of POINTS equal spans of time the last sample counts: what waited, was there at one moment.
    """
    width = seconds / POINTS
    number = func.floor((now - LaneSample.at) / width)
    newest = (
        select(LaneSample.lane, func.max(LaneSample.at).label("at"))
        .where(LaneSample.at > now - seconds)
        .group_by(LaneSample.lane, number)
        .subquery()
    )
    rows = connection.execute(
        select(LaneSample.__table__)
        .join(newest, (newest.c.lane == LaneSample.lane) & (newest.c.at == LaneSample.at))
        .order_by(LaneSample.lane, LaneSample.at)
    )
    found: dict[str, list[schemas.LanePoint]] = {}
    for row in rows:
        point = schemas.LanePoint(
            at=iso(row.at),
            pending=row.pending,
            gpu_seconds=row.gpu_seconds,
            oldest_wait_seconds=row.oldest_wait_seconds,
            running=row.running,
        )
        found.setdefault(row.lane, []).append(point)
    return [schemas.LaneHistory(lane=lane, points=points) for lane, points in found.items()]
