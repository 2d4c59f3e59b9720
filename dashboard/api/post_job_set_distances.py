"""POST /api/v1/jobs/{job_id}/set-distances: keep FID and KID that were computed of a job's pictures."""

from typing import Annotated

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import BaseModel, ConfigDict, Field

from dashboard.api.common import JOBS, JobPath, Name, json_body, reply
from dashboard.api.get_job_set_distances import read_set_distances
from dashboard.auth import principal
from dashboard.context import farm, now
from dashboard.http.bodies import read_json
from dashboard.reads.ids import known_form
from dashboard.schemas import SetDistanceList
from scheduler.gallery.set_distances import keep_set_distance

#: As databases hold it.
Count = Annotated[int, Field(ge=1, le=2**31 - 1)]


class NewSetDistance(BaseModel):
    """What `farm fid` found."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, strict=True)
    reference: Name = Field(description="What the reference set is called: a folder, another job")
    fid: float
    kid: float
    kid_std: float = Field(ge=0, description="Over its subsets")
    pictures: Count = Field(description="That were compared")
    reference_pictures: Count
    features: Count = Field(description="Numbers that were seen in each picture")
    features_sha256: str = Field(pattern="^[0-9a-f]{64}$", description="Of what looked at the pictures")


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.post(
        "/jobs/<job_id>/set-distances",
        tags=[JOBS],
        responses={200: SetDistanceList},
        openapi_extensions=json_body(blueprint, NewSetDistance),
    )
    def post_job_set_distances(path: JobPath) -> Response:
        """Keep FID and KID of a job's pictures, in place of those of the same reference by the same features.

        The farm does not compute them: they are what the sender found. Answers with all that is kept of the job.
        """
        asked = NewSetDistance.model_validate(read_json())
        job_id = known_form("job", path.job_id)
        keep_set_distance(farm().engine, principal().project_id, job_id, asked.model_dump(), now())
        return reply(read_set_distances(job_id))
