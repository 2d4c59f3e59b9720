"""GET /api/v1/workers: who renders."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint

from dashboard.api.common import FARM, reply
from dashboard.auth import may
from dashboard.context import farm, now
from dashboard.reads.fleet import list_workers
from dashboard.schemas import WorkerList
from farm.database import read
from farm.security import Scope


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.get("/workers", tags=[FARM], responses={200: WorkerList})
    def get_workers() -> Response:
        """List the workers that were seen within the last hour."""
        with read(farm().engine) as connection:
            items = list_workers(connection, now(), with_errors=may(Scope.OPERATE))
        return reply(WorkerList(items=items))
