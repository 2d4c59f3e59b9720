"""POST /api/v1/pools/{name}/pause: let a pool's workers claim nothing any more; what runs ends."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint

from dashboard.api.common import FARM, NamePath, reply
from dashboard.context import farm
from dashboard.schemas import Switched
from scheduler.control.pause_pool import pause_pool


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.post("/pools/<name>/pause", tags=[FARM], responses={200: Switched})
    def post_pool_pause(path: NamePath) -> Response:
        """Let a pool's workers claim nothing any more; what runs ends. For operators."""
        pause_pool(farm(), path.name)
        return reply(Switched(kind="pool", name=path.name, paused=True))
