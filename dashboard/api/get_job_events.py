"""GET /api/v1/jobs/{job_id}/events: what happened to a job."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import ConfigDict, Field

from dashboard.api.common import JOBS, JobPath
from dashboard.api.versions import tagged
from dashboard.auth import principal
from dashboard.context import farm
from dashboard.reads.jobs import find_job, list_events
from dashboard.schemas import EventList
from dashboard.schemas.base import RequestPart
from farm.database import read


class EventsQuery(RequestPart):
    """Which events."""

    model_config = ConfigDict(extra="forbid")
    after: int = Field(0, ge=0, le=2**31 - 1, description="Only events with a version above this one")
    limit: int = Field(1000, ge=1, le=1000)


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.get("/jobs/<job_id>/events", tags=[JOBS], responses={200: EventList, 304: None})
    def get_job_events(path: JobPath, query: EventsQuery) -> Response:
        """Read what happened to a job, oldest first. Versions have no gaps, so nothing is missed."""
        with read(farm().engine) as connection:
            job = find_job(connection, principal().project_id, path.job_id)
            return tagged(EventList(items=list_events(connection, job.id, query.after, query.limit)))
