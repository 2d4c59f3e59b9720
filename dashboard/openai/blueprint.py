"""All endpoints of this surface in one blueprint. It has no part in our OpenAPI document: OpenAI publishes its own."""

from flask import Blueprint

from dashboard.openai import (
    delete_video,
    get_models,
    get_video,
    get_video_content,
    get_videos,
    post_images_edits,
    post_images_generations,
    post_video_remix,
    post_videos,
)
from dashboard.openai_errors import PREFIX

_ENDPOINTS = (
    get_models,
    post_images_generations,
    post_images_edits,
    post_videos,
    get_videos,
    get_video,
    get_video_content,
    delete_video,
    post_video_remix,
)


def make_blueprint() -> Blueprint:
    """The endpoints under /v1."""
    blueprint = Blueprint("openai", __name__, url_prefix=PREFIX)
    for endpoint in _ENDPOINTS:
        endpoint.register(blueprint)
    return blueprint
