"""GET /api/v1/renders/{render_id}/why: why a render is where it is."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint

from dashboard.api.common import RENDERS, RenderPath, reply
from dashboard.auth import principal
from dashboard.context import farm, now
from dashboard.reads.forecasts import render_why
from dashboard.schemas import Why
from farm.database import read


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.get("/renders/<render_id>/why", tags=[RENDERS], responses={200: Why})
    def get_render_why(path: RenderPath) -> Response:
        """Say why a render waits, or what it does, in one sentence and as data; and when it starts and ends.

        Places and times are approximate: others may submit, and workers come and go.
        """
        with read(farm().engine) as connection:
            return reply(render_why(connection, farm(), principal().project_id, path.render_id, now()))
