"""DELETE /v1/videos/{video_id}: stop a clip, or remove its files."""

from contextlib import suppress
from typing import Literal

from flask import Blueprint, Response
from pydantic import BaseModel

from dashboard.api.common import reply
from dashboard.auth import principal
from dashboard.context import farm
from dashboard.reads.render_files.clips import find_clip
from farm.database import read
from farm.errors import Conflict
from farm.lifecycle import ENDED
from scheduler.control.cancel import cancel_render
from scheduler.control.delete_render_files import remove_files


class Deleted(BaseModel):
    """It is gone."""

    id: str
    object: Literal["video.deleted"] = "video.deleted"
    deleted: bool = True


def register(blueprint: Blueprint) -> None:
    """Add this endpoint."""

    @blueprint.delete("/videos/<video_id>")
    def delete_video(video_id: str) -> Response:
        """Cancel a clip that has not ended, and remove the files of one that has; what it cost stays counted."""
        project_id = principal().project_id
        with read(farm().engine) as connection:
            clip = find_clip(connection, project_id, video_id)
        if clip.status not in ENDED:
            with suppress(Conflict):  # it has ended meanwhile
                cancel_render(farm(), clip.id, project_id)
        remove_files(farm(), clip.id, project_id)
        return reply(Deleted(id=clip.id))
