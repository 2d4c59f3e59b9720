"""GET /api/v1/renders/{render_id}/verification: whether a render came out again as it was."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint

from dashboard.api.common import RENDERS, RenderPath, reply
from dashboard.auth import principal
from dashboard.context import farm
from dashboard.reads.renders import owned_render
from dashboard.schemas import Verification
from dashboard.verification.comparison import compare_with_first, verification
from dashboard.verification.newest import find_newest
from farm.database import read
from farm.errors import NotFound


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.get("/renders/<render_id>/verification", tags=[RENDERS], responses={200: Verification})
    def get_render_verification(path: RenderPath) -> Response:
        """Read the newest verification of a render: how far it is, and once it is done how the two compare."""
        return reply(read_verification(path.render_id))


def read_verification(render_id: str) -> Verification:
    """The newest verification of a render of the caller's project. Raises NotFound, StorageDown and Busy."""
    project_id = principal().project_id
    with read(farm().engine) as connection:
        render_id = owned_render(connection, project_id, render_id)
        second = find_newest(connection, project_id, render_id)
    if second is None:
        raise NotFound(f"The render {render_id} was never verified; POST to this address to begin.")
    return verification(render_id, second, compare_with_first(second))
