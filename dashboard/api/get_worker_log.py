"""GET /api/v1/workers/{worker_id}/log: what a worker wrote last."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import ConfigDict, Field

from dashboard.api.common import FARM, reply
from dashboard.api.post_worker_release import WorkerPath
from dashboard.context import farm, now
from dashboard.reads.fleet import list_workers
from dashboard.reads.ids import known_form, missing
from dashboard.schemas import LogLine, WorkerLog
from dashboard.schemas.base import RequestPart
from farm.database import read


class LogQuery(RequestPart):
    """Which lines."""

    model_config = ConfigDict(extra="forbid")
    after: int = Field(0, ge=0, le=2**53, description="Only lines after the one with this number: 'next_after'")


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.get("/workers/<worker_id>/log", tags=[FARM], responses={200: WorkerLog})
    def get_worker_log(path: WorkerPath, query: LogQuery) -> Response:
        """List the newest lines of a worker's log, without secrets. For operators.

        They lie in Redis: none are there while it is away, and an hour after the worker's last line.
        """
        worker_id = known_form("worker", path.worker_id)
        with read(farm().engine) as connection:
            if all(worker.id != worker_id for worker in list_workers(connection, now(), with_errors=False)):
                raise missing("worker", worker_id)
        return reply(worker_log(worker_id, query.after))


def worker_log(worker_id: str, after: int = 0) -> WorkerLog:
    """The lines that are kept of a worker, behind the one with the number `after`."""
    lines = farm().progress.log_lines(worker_id, after)
    items = [LogLine(number=line.number, text=line.text) for line in lines]
    return WorkerLog(items=items, next_after=items[-1].number if items else after)
