"""POST /api/v1/lanes/{name}/pause: claim nothing of a lane any more; what runs ends."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint

from dashboard.api.common import FARM, NamePath, reply
from dashboard.context import farm
from dashboard.schemas import Switched
from scheduler.control.pause_pool import pause_lane


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.post("/lanes/<name>/pause", tags=[FARM], responses={200: Switched})
    def post_lane_pause(path: NamePath) -> Response:
        """Claim nothing of a lane any more; what runs ends. For operators."""
        pause_lane(farm(), path.name)
        return reply(Switched(kind="lane", name=path.name, paused=True))
