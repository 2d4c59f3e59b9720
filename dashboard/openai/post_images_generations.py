"""POST /v1/images/generations: pictures from a prompt."""

from flask import Blueprint, Response

from dashboard.context import farm
from dashboard.openai.bodies import read_body
from dashboard.openai.fields import PictureFields
from dashboard.openai.pictures import answer
from dashboard.openai.submission import submit_job
from dashboard.openai.translation import picture_job, read_fields


def register(blueprint: Blueprint) -> None:
    """Add this endpoint."""

    @blueprint.post("/images/generations")
    def post_images_generations() -> Response:
        """Render pictures, and answer when they are there; with `stream` tell of previews on the way."""
        asked = read_fields(read_body(), PictureFields)
        job = picture_job(asked, farm().catalog.model(asked.fields.model))
        return answer(asked.fields, submit_job(job), "image_generation")
