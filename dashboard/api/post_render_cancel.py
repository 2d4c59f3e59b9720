"""POST /api/v1/renders/{render_id}/cancel: stop one render."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint

from dashboard.api.common import RENDERS, RenderPath, reply
from dashboard.api.get_render import read_render
from dashboard.auth import principal
from dashboard.context import farm
from dashboard.reads.ids import known_form
from dashboard.schemas import Render
from scheduler.control.cancel import cancel_render


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.post("/renders/<render_id>/cancel", tags=[RENDERS], responses={200: Render})
    def post_render_cancel(path: RenderPath) -> Response:
        """Cancel one render that has not ended."""
        cancel_render(farm(), known_form("render", path.render_id), principal().project_id)
        return reply(read_render(path.render_id))
