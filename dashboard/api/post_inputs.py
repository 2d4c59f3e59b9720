"""POST /api/v1/inputs: upload a picture or a clip for renders to start from, or an adapter."""

from typing import Any

from flask import Response, request
from flask_openapi3.blueprint import APIBlueprint
from pydantic import ConfigDict, Field

from dashboard.api.common import INPUTS, reply
from dashboard.auth import principal
from dashboard.context import farm
from dashboard.reads.inputs import shown_input
from dashboard.schemas import Input
from dashboard.schemas.base import RequestPart
from dashboard.upload_spool import on_disk
from farm.errors import Fault, InvalidRequest
from scheduler import uploads


class InputQuery(RequestPart):
    """How the file is called."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field("picture", max_length=300, description="Its file's name, to tell it from others")


_BINARY: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
_BODY = {
    "requestBody": {
        "required": True,
        "content": {f"image/{kind}": _BINARY for kind in ("png", "jpeg", "webp")}
        | {f"video/{kind}": _BINARY for kind in ("mp4", "webm")}
        | {"application/octet-stream": _BINARY},
    }
}


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.post("/inputs", tags=[INPUTS], responses={201: Input, 200: Input}, openapi_extensions=_BODY)
    def post_inputs(query: InputQuery) -> Response:
        """Upload a picture, clip or adapter; the body is the file: PNG, JPEG, WebP, AVIF, MP4, WebM or .safetensors.

        Then name its id as `image` or `video` of a job, or in its `loras`. Pictures and clips are stored upright, as
        RGB, without metadata and sound; adapters as they are. Answers 201, or 200 when the project has it already.
        """
        if request.mimetype == "multipart/form-data":
            told = "is that of a form; send the file alone, as the body: curl --data-binary @FILE"
            raise InvalidRequest([Fault("/header/Content-Type", told)])
        with on_disk(request.stream, request.content_length) as file:
            row, new = uploads.add_input(farm(), principal().project_id, query.name, file)
        return reply(shown_input(row), 201 if new else 200)
