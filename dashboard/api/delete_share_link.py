"""DELETE /api/v1/share-links/{link_id}: end a share link at once."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import BaseModel, Field

from dashboard.api.common import SHARE_LINKS
from dashboard.auth import principal
from dashboard.context import farm, now
from dashboard.reads.ids import known_form
from scheduler.gallery.share_links import revoke_share_link


class LinkPath(BaseModel):
    """The address of a share link."""

    link_id: str = Field(description="The share link's id", json_schema_extra={"format": "uuid"})


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.delete("/share-links/<link_id>", tags=[SHARE_LINKS], responses={204: None})
    def delete_share_link(path: LinkPath) -> Response:
        """End a share link at once: who has it is told that it has ended."""
        revoke_share_link(farm().engine, principal().project_id, known_form("share link", path.link_id), now())
        return Response(status=204)
