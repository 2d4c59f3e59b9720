"""GET /api/v1/workers/activity: what each worker does, and did within the last hour."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint

from dashboard.api.common import FARM, reply
from dashboard.context import farm, now
from dashboard.reads.farm.activity import list_activity
from dashboard.schemas import WorkerActivityList
from farm.database import read


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.get("/workers/activity", tags=[FARM], responses={200: WorkerActivityList})
    def get_workers_activity() -> Response:
        """List what each worker does now, how quick it is, and what it did within the last hour. For operators."""
        connections, at = farm(), now()
        alive_since = at - connections.settings.worker_gone_seconds
        with read(connections.engine) as connection:
            items = list_activity(connection, at, alive_since=alive_since, progress_of=connections.progress.snapshot)
        return reply(WorkerActivityList(items=items))
