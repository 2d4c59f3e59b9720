"""GET /api/v1/renders/{render_id}/preview: what a running render looks like so far."""

from typing import Any

from flask import Response
from flask_openapi3.blueprint import APIBlueprint

from dashboard.api.common import RENDERS, RenderPath
from dashboard.auth import principal
from dashboard.context import farm
from dashboard.reads.renders import owned_render
from farm.database import read
from farm.errors import NotFound


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""
    picture: dict[str, Any] = {
        "description": "A small picture, or an animated one of a clip",
        "content": {"image/webp": {"schema": {"type": "string", "format": "binary"}}},
    }

    @blueprint.get("/renders/<render_id>/preview", tags=[RENDERS], responses={200: picture})
    def get_render_preview(path: RenderPath) -> Response:
        """Read what a running render looks like so far: a small WebP, made from its latents.

        404 while there is none: before its first steps, when it has ended, or while Redis is away.
        """
        with read(farm().engine) as connection:
            render_id = owned_render(connection, principal().project_id, path.render_id)
        shown = farm().progress.preview(render_id)
        if shown is None:
            raise NotFound("There is no preview of this render now: it has not begun, or has ended.")
        return Response(shown, content_type="image/webp", headers={"Cache-Control": "no-store"})
