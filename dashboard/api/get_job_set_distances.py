"""GET /api/v1/jobs/{job_id}/set-distances: FID and KID of a job, as they were kept."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint

from dashboard.api.common import JOBS, JobPath, reply
from dashboard.auth import principal
from dashboard.context import farm
from dashboard.reads.gallery.set_distances import set_distances_of
from dashboard.reads.jobs import find_job
from dashboard.schemas import SetDistanceList
from farm.database import read


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.get("/jobs/<job_id>/set-distances", tags=[JOBS], responses={200: SetDistanceList})
    def get_job_set_distances(path: JobPath) -> Response:
        """List how far a job's pictures are from reference sets, as somebody computed and kept it."""
        return reply(read_set_distances(path.job_id))


def read_set_distances(job_id: str) -> SetDistanceList:
    """What is kept of a job of the caller's project. Raises NotFound."""
    with read(farm().engine) as connection:
        job = find_job(connection, principal().project_id, job_id)
        return SetDistanceList(items=set_distances_of(connection, job.id))
