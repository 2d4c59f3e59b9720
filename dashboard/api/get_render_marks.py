"""GET /api/v1/renders/{render_id}/marks: what people said of a render."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint

from dashboard.api.common import RENDERS, RenderPath
from dashboard.api.versions import tagged
from dashboard.auth import principal
from dashboard.context import farm
from dashboard.reads.gallery.marks import marks_of
from dashboard.reads.renders import owned_render
from dashboard.schemas import Marks
from farm.database import read


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.get("/renders/<render_id>/marks", tags=[RENDERS], responses={200: Marks, 304: None})
    def get_render_marks(path: RenderPath) -> Response:
        """Read the rating, the tags and the boards of a render."""
        return tagged(shown_marks(path.render_id))


def shown_marks(render_id: str) -> Marks:
    """The marks of a render of this request's project. Raises NotFound."""
    with read(farm().engine) as connection:
        found = owned_render(connection, principal().project_id, render_id)
        return marks_of(connection, [found])[found]
