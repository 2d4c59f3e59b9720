"""GET /v1/videos: the clips of the project."""

from typing import Literal

from flask import Blueprint, Response, request
from pydantic import ConfigDict, Field, ValidationError

from dashboard.api.common import reply
from dashboard.auth import principal
from dashboard.context import farm
from dashboard.openai.translation import makes_clips
from dashboard.openai.videos import VideoList, video
from dashboard.problems import from_validation
from dashboard.reads.render_files.clips import find_clip, list_clips
from dashboard.schemas.base import RequestPart
from farm.database import read


class VideosQuery(RequestPart):
    """Which page."""

    model_config = ConfigDict(extra="forbid")
    after: str | None = Field(None, description="the last clip of the page before")
    limit: int = Field(20, ge=1, le=100)
    order: Literal["asc", "desc"] = "desc"


def register(blueprint: Blueprint) -> None:
    """Add this endpoint."""

    @blueprint.get("/videos")
    def get_videos() -> Response:
        """List the clips of the project, whoever submitted them and how: newest jobs first."""
        try:
            asked = VideosQuery.model_validate(request.args.to_dict())
        except ValidationError as error:
            raise from_validation(error, "") from None
        project_id = principal().project_id
        models = [entry.name for entry in farm().catalog.models.values() if makes_clips(entry)]
        with read(farm().engine) as connection:
            after = find_clip(connection, project_id, asked.after) if asked.after else None
            clips = list_clips(
                connection,
                project_id,
                models,
                after=after,
                oldest_first=asked.order == "asc",
                limit=asked.limit + 1,
            )
        shown = [video(clip) for clip in clips[: asked.limit]]
        ends = (shown[0].id, shown[-1].id) if shown else (None, None)
        return reply(VideoList(data=shown, first_id=ends[0], last_id=ends[1], has_more=len(clips) > asked.limit))
