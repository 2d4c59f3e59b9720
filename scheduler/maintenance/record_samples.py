"""Duty: write down what waits in each lane and what each worker does, so that people see how it came to be as it is.

Metrics say the same to Prometheus, which not every farm has. A sample is a row for each lane and for each worker that
is there; old ones go in the same pass, by the indexes of `at`.
"""

from typing import Any

from sqlalchemy import Connection, delete, insert, select

from farm.connections import Connections
from farm.database import read, write
from farm.lifecycle import WorkerStatus
from farm.tables import Lane, LaneSample, Worker, WorkerSample
from scheduler.fleet.worker_registry import seen_status
from scheduler.forecasts.backlog import Backlog, backlogs

EVERY_SECONDS = 30.0
#: Two days of a lane are 5,760 rows, and three hours of a worker 360.
LANES_KEPT_SECONDS = 2 * 86_400.0
WORKERS_KEPT_SECONDS = 3 * 3600.0


def one_pass(connections: Connections, now: float) -> int:
    """Write one sample of each lane and of each worker; returns how many samples were removed."""
    with read(connections.engine) as connection:
        lanes = _lanes(connection, now)
        workers = _workers(connection, now, alive_since=now - connections.settings.worker_gone_seconds)
    with write(connections.engine) as connection:
        # Two supervisors in the same moment: the second finds the first one's rows.
        taken = connection.scalar(select(LaneSample.at).where(LaneSample.at > now - EVERY_SECONDS / 2).limit(1))
        if taken is None:
            for table, rows in ((LaneSample, lanes), (WorkerSample, workers)):
                if rows:
                    connection.execute(insert(table), rows)
        removed = connection.execute(delete(LaneSample).where(LaneSample.at < now - LANES_KEPT_SECONDS)).rowcount
        removed += connection.execute(delete(WorkerSample).where(WorkerSample.at < now - WORKERS_KEPT_SECONDS)).rowcount
    return 0 if removed <= len(lanes) + len(workers) else removed  # what comes and goes at each pass is no news


def _lanes(connection: Connection, now: float) -> list[dict[str, Any]]:
    """Three statements, whatever waits."""
    found = backlogs(connection, now)
    rows = []
    for name in connection.scalars(select(Lane.name).order_by(Lane.name)):
        lane = found.get(name, Backlog(name))
        row = {"lane": name, "at": now, "pending": lane.renders, "gpu_seconds": lane.gpu_seconds}
        rows.append(row | {"oldest_wait_seconds": lane.oldest_wait(now), "running": lane.running.renders})
    return rows


def _workers(connection: Connection, now: float, *, alive_since: float) -> list[dict[str, Any]]:
    rows = connection.execute(select(Worker.__table__).where(Worker.status != WorkerStatus.GONE.value))
    return [
        {
            "worker_id": row.id,
            "at": now,
            "status": seen_status(row, alive_since),
            "leased": row.leased,
            "renders_done": row.renders_done,
        }
        for row in rows
    ]
