"""PATCH /api/v1/renders/{render_id}/marks: rate a render, tag it, make it a favourite."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import BaseModel, ConfigDict, Field

from dashboard.api.common import RENDERS, RenderPath, TagName, json_body
from dashboard.api.get_render_marks import shown_marks
from dashboard.api.versions import tagged
from dashboard.auth import principal
from dashboard.context import farm
from dashboard.http.bodies import read_json
from dashboard.reads.ids import known_form
from dashboard.schemas import Marks
from scheduler.gallery.marks import BEST_RATING, MOST_TAGS, NO_RATING, MarkChange, mark_renders


class MarksPatch(BaseModel):
    """What is to be different; what is left out stays."""

    model_config = ConfigDict(extra="forbid")
    rating: int | None = Field(
        None, strict=True, ge=NO_RATING, le=BEST_RATING, description="1 to 5; 0 takes the rating away"
    )
    favourite: bool | None = Field(None, strict=True, description="Whether it is a favourite")
    tags: list[TagName] | None = Field(None, max_length=MOST_TAGS, description="These tags and no others")


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.patch(
        "/renders/<render_id>/marks",
        tags=[RENDERS],
        responses={200: Marks},
        openapi_extensions=json_body(blueprint, MarksPatch),
    )
    def patch_render_marks(path: RenderPath) -> Response:
        """Rate a render, tag it, make it a favourite. Marks are the project's: all its people see the same."""
        asked = MarksPatch.model_validate(read_json())
        change = MarkChange(rating=asked.rating, favourite=asked.favourite, tags=asked.tags)
        mark_renders(farm().engine, principal().project_id, [known_form("render", path.render_id)], change)
        return tagged(shown_marks(path.render_id))
