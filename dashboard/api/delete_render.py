"""DELETE /api/v1/renders/{render_id}: have the files of a finished render removed."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint

from dashboard.api.common import RENDERS, DeletionQuery, RenderPath
from dashboard.api.get_render_marks import shown_marks
from dashboard.api.versions import tagged
from dashboard.auth import principal
from dashboard.context import farm
from dashboard.reads.ids import known_form
from dashboard.schemas import Marks
from scheduler.gallery.deletion import delete_renders


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.delete("/renders/<render_id>", tags=[RENDERS], responses={200: Marks})
    def delete_render(path: RenderPath, query: DeletionQuery) -> Response:
        """Delete a finished render: it leaves the gallery now, and its files are removed a day later.

        Until then it can be restored. It stays in its job, as one whose output was not kept.
        """
        render_id = known_form("render", path.render_id)
        delete_renders(farm(), principal().project_id, [render_id], keep_seconds=query.keep_seconds)
        return tagged(shown_marks(render_id))
