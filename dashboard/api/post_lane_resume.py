"""POST /api/v1/lanes/{name}/resume: serve a paused lane again."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint

from dashboard.api.common import FARM, NamePath, reply
from dashboard.context import farm
from dashboard.schemas import Switched
from scheduler.control.pause_pool import resume_lane


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.post("/lanes/<name>/resume", tags=[FARM], responses={200: Switched})
    def post_lane_resume(path: NamePath) -> Response:
        """Serve a paused lane again. For operators."""
        resume_lane(farm(), path.name)
        return reply(Switched(kind="lane", name=path.name, paused=False))
