"""POST /api/v1/workers/{worker_id}/release: let a quarantined worker claim again."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import BaseModel, Field

from dashboard.api.common import FARM, reply
from dashboard.context import farm, now
from dashboard.reads.fleet import list_workers
from dashboard.schemas import WorkerList
from farm.database import read
from scheduler.fleet.quarantine import release


class WorkerPath(BaseModel):
    """The address of a worker."""

    worker_id: str = Field(description="The worker's id", json_schema_extra={"format": "uuid"})


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.post("/workers/<worker_id>/release", tags=[FARM], responses={200: WorkerList})
    def post_worker_release(path: WorkerPath) -> Response:
        """Let a quarantined worker claim again, from its next heartbeat on. For operators."""
        release(farm(), path.worker_id.lower(), now())
        with read(farm().engine) as connection:
            items = list_workers(connection, now(), with_errors=True)
        return reply(WorkerList(items=[item for item in items if item.id == path.worker_id.lower()]))
