"""POST /v1/images/edits: a picture that starts from another, or is steered by it."""

from flask import Blueprint, Response

from dashboard.context import farm
from dashboard.openai.bodies import read_body
from dashboard.openai.fields import PictureFields
from dashboard.openai.pictures import answer
from dashboard.openai.submission import store_picture, submit_job
from dashboard.openai.translation import makes_clips, picture_field, picture_job, read_fields
from farm.errors import Fault, InvalidRequest


def register(blueprint: Blueprint) -> None:
    """Add this endpoint."""

    @blueprint.post("/images/edits")
    def post_images_edits() -> Response:
        """Render pictures from the picture of the form, and answer when they are there."""
        sent = read_body()
        asked = read_fields(sent, PictureFields, files=["image"])
        entry = farm().catalog.model(asked.fields.model)
        if makes_clips(entry):
            raise InvalidRequest([Fault("/model", f"{entry.name} makes clips; ask for them at /v1/videos")])
        field, job = picture_field(entry), picture_job(asked, entry)
        job[field] = store_picture("image", sent.files.get("image", []))
        return answer(asked.fields, submit_job(job), "image_edit")
