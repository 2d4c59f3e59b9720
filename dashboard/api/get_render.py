"""GET /api/v1/renders/{render_id}: one render."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint

from dashboard.api.common import RENDERS, RenderPath, reply, signed_link
from dashboard.auth import principal
from dashboard.context import farm, now
from dashboard.reads.forecasts import render_why
from dashboard.reads.renders import find_render
from dashboard.schemas import Render
from farm.database import read


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.get("/renders/<render_id>", tags=[RENDERS], responses={200: Render})
    def get_render(path: RenderPath) -> Response:
        """Read a render, how far it is, what it cost, when it will be done, and links to its files."""
        render = read_render(path.render_id)
        if render.finished_at is not None:
            return reply(render)
        with read(farm().engine) as connection:
            told = render_why(connection, farm(), principal().project_id, render.id, now())
        return reply(render.model_copy(update={"forecast": told.forecast}))


def read_render(render_id: str) -> Render:
    """A render of the caller's project as the API answers it. Raises NotFound."""
    with read(farm().engine) as connection:
        return find_render(
            connection,
            principal().project_id,
            render_id,
            progress_of=farm().progress.snapshot,
            address_of=signed_link,
        )
