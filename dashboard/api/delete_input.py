"""DELETE /api/v1/inputs/{input_id}: remove an uploaded picture."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import BaseModel, Field

from dashboard.api.common import INPUTS, reply
from dashboard.auth import principal
from dashboard.context import farm
from dashboard.reads.ids import known_form
from dashboard.reads.inputs import shown_input
from dashboard.schemas import Input
from farm.database import read
from scheduler import uploads


class InputPath(BaseModel):
    """The address of an uploaded picture."""

    input_id: str = Field(description="Its id", json_schema_extra={"format": "uuid"})


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.delete("/inputs/<input_id>", tags=[INPUTS], responses={200: Input})
    def delete_input(path: InputPath) -> Response:
        """Remove a picture and its file; refused while a render that has not ended starts from it."""
        input_id, project_id = known_form("input", path.input_id), principal().project_id
        with read(farm().engine) as connection:
            gone = shown_input(uploads.find_input(connection, project_id, input_id))
        uploads.remove_input(farm(), project_id, input_id)
        return reply(gone)
