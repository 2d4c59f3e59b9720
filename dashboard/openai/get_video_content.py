"""GET /v1/videos/{video_id}/content: the file of a clip."""

from collections.abc import Mapping

from flask import Blueprint, redirect, request
from flask.typing import ResponseReturnValue

from dashboard.auth import principal
from dashboard.context import farm
from dashboard.reads.render_files.clips import clip_file, find_clip
from farm.database import read
from farm.errors import Conflict, Fault, InvalidRequest
from farm.storage_keys import ArtifactKind

_VARIANTS: Mapping[str, ArtifactKind] = {"video": ArtifactKind.OUTPUT, "thumbnail": ArtifactKind.THUMBNAIL}


def register(blueprint: Blueprint) -> None:
    """Add this endpoint."""

    @blueprint.get("/videos/<video_id>/content")
    def get_video_content(video_id: str) -> ResponseReturnValue:
        """Lead to the clip, or to its thumbnail, by a signed link to the object storage."""
        variant = request.args.get("variant", "video")
        if variant not in _VARIANTS:
            raise InvalidRequest([Fault("/variant", f"must be {' or '.join(_VARIANTS)}; no others are made here")])
        with read(farm().engine) as connection:
            clip = find_clip(connection, principal().project_id, video_id)
            key = clip_file(connection, clip, _VARIANTS[variant])
        if key is None:
            raise Conflict(f"Video {clip.id} has no such file: it is {clip.status}.")
        return redirect(farm().storage.link(key), 302)
