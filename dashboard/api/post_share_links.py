"""POST /api/v1/share-links: an address that shows something without a sign-in."""

from flask import Response, request
from flask_openapi3.blueprint import APIBlueprint
from pydantic import BaseModel, ConfigDict, Field

from dashboard.api.common import SHARE_LINKS, json_body, reply
from dashboard.auth import principal
from dashboard.context import farm, now
from dashboard.http.bodies import read_json
from dashboard.reads.ids import known_form
from dashboard.reads.share_links import shown_share_link
from dashboard.schemas import MadeShareLink
from farm.database import read
from farm.tables.share_links import SharedKind
from scheduler.gallery.share_links import LONGEST_SECONDS, create_share_link, find_share_link


class NewShareLink(BaseModel):
    """What is to be shown, and for how long."""

    model_config = ConfigDict(extra="forbid")
    kind: SharedKind = Field(description="A finished render, what is done of a job, or what is on a board")
    target: str = Field(description="The id of the render, the job or the board", json_schema_extra={"format": "uuid"})
    seconds: float = Field(ge=60, le=LONGEST_SECONDS, description="It works so long")
    parameters: bool = Field(
        False, description="Show prompts, seeds and settings too; without it files are shown without their metadata"
    )


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.post(
        "/share-links",
        tags=[SHARE_LINKS],
        responses={201: MadeShareLink},
        openapi_extensions=json_body(blueprint, NewShareLink),
    )
    def post_share_links() -> Response:
        """Make an address that shows pictures and clips to whoever has it; the answer has it, this once."""
        return reply(make_share_link(NewShareLink.model_validate(read_json())), 201)


def make_share_link(asked: NewShareLink) -> MadeShareLink:
    """Make a link of the asker's project. Raises NotFound, Conflict."""
    who, at = principal(), now()
    made = create_share_link(
        farm().engine,
        who.project_id,
        who.user_id,
        asked.kind,
        known_form(asked.kind.value, asked.target),
        parameters=asked.parameters,
        seconds=asked.seconds,
        now=at,
    )
    with read(farm().engine) as connection:
        row = find_share_link(connection, who.project_id, made.id)
    base = farm().settings.public_url or request.host_url
    return MadeShareLink(**shown_share_link(row, at).model_dump(), url=f"{base.rstrip('/')}/shared/{made.secret}")
