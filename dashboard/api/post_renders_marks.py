"""POST /api/v1/renders/marks: mark several renders at once."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import BaseModel, ConfigDict, Field

from dashboard.api.common import RENDERS, TagName, json_body, reply
from dashboard.auth import principal
from dashboard.context import farm
from dashboard.http.bodies import read_json
from dashboard.reads.ids import known_form
from dashboard.schemas import Marked
from scheduler.gallery.marks import BEST_RATING, MOST_TAGS, NO_RATING, MarkChange, mark_renders
from scheduler.gallery.owned_renders import MOST_RENDERS


class RendersMarks(BaseModel):
    """Which renders, and what is to be different."""

    model_config = ConfigDict(extra="forbid")
    renders: list[str] = Field(min_length=1, max_length=MOST_RENDERS, description="Ids of renders of the project")
    rating: int | None = Field(
        None, strict=True, ge=NO_RATING, le=BEST_RATING, description="1 to 5; 0 takes the rating away"
    )
    favourite: bool | None = Field(None, strict=True, description="Whether they are favourites")
    add_tags: list[TagName] = Field([], max_length=MOST_TAGS, description="Tags that they get")
    remove_tags: list[TagName] = Field([], max_length=MOST_TAGS, description="Tags that they lose")


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.post(
        "/renders/marks", tags=[RENDERS], responses={200: Marked}, openapi_extensions=json_body(blueprint, RendersMarks)
    )
    def post_renders_marks() -> Response:
        """Mark several renders, all or none."""
        asked = RendersMarks.model_validate(read_json())
        renders = [known_form("render", render_id) for render_id in asked.renders]
        change = MarkChange(
            rating=asked.rating, favourite=asked.favourite, add_tags=asked.add_tags, remove_tags=asked.remove_tags
        )
        mark_renders(farm().engine, principal().project_id, renders, change)
        return reply(Marked(renders=len(set(renders))))
