"""GET /api/v1/share-links: what the project shows without a sign-in."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint

from dashboard.api.common import SHARE_LINKS, reply
from dashboard.auth import principal
from dashboard.context import farm, now
from dashboard.reads.share_links import shown_share_link
from dashboard.schemas import ShareLinkList
from farm.database import read
from scheduler.gallery.share_links import list_share_links


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.get("/share-links", tags=[SHARE_LINKS], responses={200: ShareLinkList})
    def get_share_links() -> Response:
        """List the share links of your project, the newest first, without their addresses."""
        with read(farm().engine) as connection:
            rows, at = list_share_links(connection, principal().project_id), now()
        return reply(ShareLinkList(items=[shown_share_link(row, at) for row in rows]))
