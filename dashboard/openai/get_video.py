"""GET /v1/videos/{video_id}: one clip, and how far it is."""

from flask import Blueprint, Response

from dashboard.auth import principal
from dashboard.context import farm
from dashboard.openai.videos import answer
from dashboard.reads.render_files.clips import find_clip
from farm.database import read


def register(blueprint: Blueprint) -> None:
    """Add this endpoint."""

    @blueprint.get("/videos/<video_id>")
    def get_video(video_id: str) -> Response:
        """Read a clip; any of the project, whoever submitted it and how."""
        with read(farm().engine) as connection:
            return answer(find_clip(connection, principal().project_id, video_id))
