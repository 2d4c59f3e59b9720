"""POST /api/v1/uploads: a place in the object storage for a file of rows."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import BaseModel, ConfigDict, Field

from dashboard.api.common import JOBS, json_body, reply
from dashboard.auth import principal
from dashboard.context import farm
from dashboard.http.bodies import read_json
from dashboard.schemas import Upload
from scheduler.intake.sources import NAME_PATTERN, upload_key


class UploadRequest(BaseModel):
    """The file that will be stored."""

    model_config = ConfigDict(extra="forbid", strict=True)
    name: str = Field(description="Such as renders.jsonl or renders.csv", json_schema_extra={"pattern": NAME_PATTERN})


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.post(
        "/uploads", tags=[JOBS], responses={201: Upload}, openapi_extensions=json_body(blueprint, UploadRequest)
    )
    def post_uploads() -> Response:
        """Get a link to which a file of rows can be sent (PUT); then submit it as the `source` of a stream."""
        asked = UploadRequest.model_validate(read_json())
        key = upload_key(principal().project_id, asked.name)
        content_type = "application/octet-stream"
        url = farm().storage.upload_link(key, content_type)
        source = f"s3://{farm().settings.s3_bucket}/{key}"
        seconds = farm().settings.link_seconds
        return reply(Upload(source=source, url=url, content_type=content_type, seconds=seconds), 201)
