"""GET /api/v1/set-distances: FID and KID of what a filter of the gallery found, as they were kept."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint

from dashboard.api.common import RENDERS, reply
from dashboard.api.get_renders import GalleryFields
from dashboard.auth import principal
from dashboard.context import farm
from dashboard.reads.gallery.listing import GalleryFilter
from dashboard.reads.gallery.set_distances import set_distances_of_gallery
from dashboard.reads.known_names import check_gallery_names
from dashboard.schemas import SetDistanceList
from farm.database import read
from farm.errors import Fault, InvalidRequest


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.get("/set-distances", tags=[RENDERS], responses={200: SetDistanceList})
    def get_set_distances(query: GalleryFields) -> Response:
        """List how far the pictures that this filter found were from reference sets, as somebody computed it then.

        The filter must be the one that they were kept with, in any order.
        """
        return reply(read_gallery_set_distances(chosen_of(query)))


def chosen_of(query: GalleryFields) -> GalleryFilter:
    """The filter. Raises InvalidRequest for a job, whose figures are kept with it."""
    if query.job is not None:
        told = "the figures of a job are at /api/v1/jobs/{job_id}/set-distances"
        raise InvalidRequest([Fault("/query/job", told)])
    return query.chosen()


def read_gallery_set_distances(chosen: GalleryFilter) -> SetDistanceList:
    """What the caller's project has kept of a filter. Raises InvalidRequest and NotFound for names in it."""
    project_id = principal().project_id
    with read(farm().engine) as connection:
        check_gallery_names(farm(), connection, project_id, chosen)
        return SetDistanceList(items=set_distances_of_gallery(connection, project_id, chosen))
