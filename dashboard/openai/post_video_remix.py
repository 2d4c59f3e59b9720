"""POST /v1/videos/{video_id}/remix: the same clip with another prompt."""

from flask import Blueprint, Response
from pydantic import ValidationError

from dashboard.auth import principal
from dashboard.context import farm
from dashboard.openai.bodies import read_body
from dashboard.openai.fields import RemixFields
from dashboard.openai.post_videos import clip_of
from dashboard.openai.submission import submit_job
from dashboard.openai.videos import remixed
from dashboard.problems import from_validation
from dashboard.reads.render_files.clips import find_clip
from farm.database import read


def register(blueprint: Blueprint) -> None:
    """Add this endpoint."""

    @blueprint.post("/videos/<video_id>/remix")
    def post_video_remix(video_id: str) -> Response:
        """Submit a clip like this one: its seed and all its parameters, with the prompt of the body."""
        try:
            asked = RemixFields.model_validate(dict(read_body().fields))
        except ValidationError as error:
            raise from_validation(error, "") from None
        with read(farm().engine) as connection:
            clip = find_clip(connection, principal().project_id, video_id)
        return clip_of(submit_job(remixed(clip, asked.prompt), remixed_from_id=clip.id).job_id)
