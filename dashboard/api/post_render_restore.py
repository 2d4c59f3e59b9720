"""POST /api/v1/renders/{render_id}/restore: keep a render that was deleted."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint

from dashboard.api.common import RENDERS, RenderPath
from dashboard.api.get_render_marks import shown_marks
from dashboard.api.versions import tagged
from dashboard.auth import principal
from dashboard.context import farm
from dashboard.reads.ids import known_form
from dashboard.schemas import Marks
from scheduler.gallery.deletion import restore_renders


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.post("/renders/<render_id>/restore", tags=[RENDERS], responses={200: Marks})
    def post_render_restore(path: RenderPath) -> Response:
        """Keep a deleted render after all, before its time has come. One that is not deleted stays as it is."""
        render_id = known_form("render", path.render_id)
        restore_renders(farm(), principal().project_id, [render_id])
        return tagged(shown_marks(render_id))
