"""POST /api/v1/set-distances: keep FID and KID that were computed of what a filter of the gallery found."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint

from dashboard.api.common import RENDERS, json_body, reply
from dashboard.api.get_renders import GalleryFields
from dashboard.api.get_set_distances import chosen_of, read_gallery_set_distances
from dashboard.api.post_job_set_distances import NewSetDistance
from dashboard.auth import principal
from dashboard.context import farm, now
from dashboard.http.bodies import read_json
from dashboard.reads.gallery.set_distances import filter_text
from dashboard.reads.known_names import check_gallery_names
from dashboard.schemas import SetDistanceList
from farm.database import read
from scheduler.gallery.set_distances import keep_gallery_set_distance


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.post(
        "/set-distances",
        tags=[RENDERS],
        responses={200: SetDistanceList},
        openapi_extensions=json_body(blueprint, NewSetDistance),
    )
    def post_set_distances(query: GalleryFields) -> Response:
        """Keep FID and KID of the pictures that this filter finds now, as the sender computed them.

        They stand in place of those of the same filter, reference and features. Answers with all that is kept of the
        filter; of all filters of a project the newest thousand are.
        """
        chosen = chosen_of(query)
        asked = NewSetDistance.model_validate(read_json())
        project_id = principal().project_id
        with read(farm().engine) as connection:
            check_gallery_names(farm(), connection, project_id, chosen)
        keep_gallery_set_distance(farm().engine, project_id, filter_text(chosen), asked.model_dump(), now())
        return reply(read_gallery_set_distances(chosen))
