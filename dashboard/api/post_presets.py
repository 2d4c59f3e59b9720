"""POST /api/v1/presets: keep what is filled into the Submit form, under a name."""

import json
from typing import Annotated

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import BaseModel, ConfigDict, Field

from dashboard.api.common import JOBS, Name, json_body, reply
from dashboard.auth import principal
from dashboard.context import farm, now
from dashboard.http.bodies import read_json
from dashboard.reads.presets import shown_preset
from dashboard.schemas import Preset
from dashboard.schemas.text_forms import FIELD_NAME, WITHOUT_NUL
from farm.database import read
from farm.errors import Fault, InvalidRequest
from farm.sentences import sentence
from scheduler.gallery.presets import find_preset, save_preset

MOST_FIELDS = 100
#: Of all fields together, as JSON.
MOST_CHARS = 200_000

FieldName = Annotated[str, Field(min_length=1, max_length=60, pattern=FIELD_NAME)]
#: No database stores NUL.
FieldText = Annotated[str, Field(max_length=MOST_CHARS, pattern=WITHOUT_NUL)]


class NewPreset(BaseModel):
    """What is to be kept."""

    model_config = ConfigDict(extra="forbid")
    name: Name = Field(description="One that you have of this name is replaced")
    fields: dict[FieldName, FieldText] = Field(
        max_length=MOST_FIELDS, description="The form's fields, as they are typed there: `model`, `prompt`, …"
    )


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.post(
        "/presets", tags=[JOBS], responses={200: Preset}, openapi_extensions=json_body(blueprint, NewPreset)
    )
    def post_presets() -> Response:
        """Keep the fields of the Submit form under a name, for yourself in this project."""
        return reply(keep_preset(NewPreset.model_validate(read_json())))


def keep_preset(asked: NewPreset) -> Preset:
    """Save it for whoever asks. Raises InvalidRequest, Conflict."""
    size = len(json.dumps(asked.fields))
    if size > MOST_CHARS:
        told = sentence("must have at most %(most)s characters in all; seen %(seen)s", most=MOST_CHARS, seen=size)
        raise InvalidRequest([Fault("/fields", told)])
    who = principal()
    preset_id = save_preset(farm().engine, who.project_id, who.user_id, asked.name, asked.fields, now())
    with read(farm().engine) as connection:
        return shown_preset(find_preset(connection, who.project_id, who.user_id, preset_id))
