"""POST /api/v1/pools/{name}/resume: let a pool's workers claim again."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint

from dashboard.api.common import FARM, NamePath, reply
from dashboard.context import farm
from dashboard.schemas import Switched
from scheduler.control.pause_pool import resume_pool


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.post("/pools/<name>/resume", tags=[FARM], responses={200: Switched})
    def post_pool_resume(path: NamePath) -> Response:
        """Let a pool's workers claim again. For operators."""
        resume_pool(farm(), path.name)
        return reply(Switched(kind="pool", name=path.name, paused=False))
