"""POST /v1/videos: a clip, from a prompt and perhaps a picture."""

from flask import Blueprint, Response

from dashboard.auth import principal
from dashboard.context import farm
from dashboard.openai.bodies import Sent, read_body
from dashboard.openai.fields import VideoFields
from dashboard.openai.submission import store_picture, submit_job
from dashboard.openai.translation import picture_field, read_fields, video_job
from dashboard.openai.videos import answer
from dashboard.reads.render_files.clips import first_clip
from farm.database import read
from farm.errors import Fault, InvalidRequest

_PICTURE = "input_reference"
#: So a form sends {"file_id": …}.
_PART = f"{_PICTURE}["


def register(blueprint: Blueprint) -> None:
    """Add this endpoint."""

    @blueprint.post("/videos")
    def post_videos() -> Response:
        """Submit a clip; GET /v1/videos/{video_id} says how far it is."""
        sent, uploaded = _without_picture(read_body())
        asked = read_fields(sent, VideoFields, files=[_PICTURE])
        entry = farm().catalog.model(asked.fields.model)
        job = video_job(asked, entry)
        if uploaded is not None or _PICTURE in sent.files:
            field = picture_field(entry)
            job[field] = uploaded or store_picture(_PICTURE, sent.files[_PICTURE])
        return clip_of(submit_job(job).job_id)


def clip_of(job_id: str) -> Response:
    """The clip of a job that was just submitted."""
    with read(farm().engine) as connection:
        clip = first_clip(connection, principal().project_id, job_id)
    return answer(clip)


def _without_picture(sent: Sent) -> tuple[Sent, str | None]:
    """The request without a picture that was uploaded before, and that picture's id. Raises InvalidRequest."""
    fields = dict(sent.fields)
    parts = {name: fields.pop(name) for name in list(fields) if name.startswith(_PART)}
    named = fields.pop(_PICTURE, None) or {name[len(_PART) : -1]: value for name, value in parts.items()}
    uploaded = None
    if named:
        uploaded = named.get("file_id") if isinstance(named, dict) and set(named) == {"file_id"} else None
        if not isinstance(uploaded, str):
            text = (
                "must be a file, or {'file_id': the id of a picture sent to POST /api/v1/inputs}; no address is fetched"
            )
            raise InvalidRequest([Fault(f"/{_PICTURE}", text)])
    return Sent(fields, sent.files, sent.typed), uploaded
