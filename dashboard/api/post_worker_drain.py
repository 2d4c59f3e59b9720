"""POST /api/v1/workers/{worker_id}/drain: let a worker finish what it holds, and end."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint

from dashboard.api.common import FARM, reply
from dashboard.api.post_worker_release import WorkerPath
from dashboard.context import farm, now
from dashboard.reads.fleet import list_workers
from dashboard.schemas import WorkerList
from farm.database import read
from scheduler.fleet.drain_worker import drain_worker


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.post("/workers/<worker_id>/drain", tags=[FARM], responses={200: WorkerList})
    def post_worker_drain(path: WorkerPath) -> Response:
        """Let a worker finish what it holds and end, from its next heartbeat on. For operators.

        Whoever keeps the number of the pool's workers starts another one in its place where one is wanted.
        """
        drain_worker(farm(), path.worker_id.lower(), now())
        with read(farm().engine) as connection:
            items = list_workers(connection, now(), with_errors=True)
        return reply(WorkerList(items=[item for item in items if item.id == path.worker_id.lower()]))
