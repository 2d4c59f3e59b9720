"""What the endpoints share: their paths, pages of lists, answers."""

import json
import re
from datetime import datetime
from functools import cache
from typing import Annotated, Any

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.schema import Schema
from flask_openapi3.models.tag import Tag
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from dashboard.context import farm
from dashboard.reads.renders import StoredArtifact
from dashboard.schemas.base import RequestPart
from dashboard.schemas.text_forms import LINE, VISIBLE_LINE
from farm.accounts.names import LONGEST_NAME
from farm.restore_period import KEPT_SECONDS, LONGEST_SECONDS
from scheduler.gallery.marks import LONGEST_TAG

#: A number as pydantic would take it for a time.
_NUMBER = re.compile(r"[+-]?[0-9.eE+-]+")

JOBS = Tag(name="Jobs", description="Submit jobs, watch them, stop them.")
RENDERS = Tag(name="Renders", description="Single pictures and clips, and their files.")
BOARDS = Tag(name="Boards", description="Named collections of renders.")
INPUTS = Tag(name="Inputs", description="Pictures that renders start from or are steered by.")
SHARE_LINKS = Tag(name="Share links", description="Show pictures to people who have no account, for a while.")
WEBHOOKS = Tag(name="Webhooks", description="Be told when jobs end, and see what was sent.")
USERS = Tag(name="Users", description="Who may sign in; for admins.")
PROJECTS = Tag(name="Projects", description="Projects, the people in them, their keys, and who asks.")
FARM = Tag(name="Farm", description="What the farm offers, who renders, what happens.")


class DeletionQuery(RequestPart):
    """For how long what is deleted can be restored."""

    model_config = ConfigDict(extra="forbid")
    keep_seconds: float = Field(
        KEPT_SECONDS, ge=0, le=LONGEST_SECONDS, description="So long it can be restored; 0: its files go at once"
    )


class JobPath(BaseModel):
    """The address of a job."""

    job_id: str = Field(description="The job's id", json_schema_extra={"format": "uuid"})


class RenderPath(BaseModel):
    """The address of a render."""

    render_id: str = Field(description="The render's id", json_schema_extra={"format": "uuid"})


class BoardPath(BaseModel):
    """The address of a board."""

    board_id: str = Field(description="The board's id", json_schema_extra={"format": "uuid"})


class WebhookPath(BaseModel):
    """The address of a webhook."""

    webhook_id: str = Field(description="The webhook's id", json_schema_extra={"format": "uuid"})


#: Text that is looked for in SQL.
Line = Annotated[str, Field(max_length=300, pattern=LINE)]

#: A name that people give: to a project, a person, a key (`farm.accounts.names` has the rule).
Name = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME, pattern=VISIBLE_LINE)]

#: A word that people give to a render.
TagName = Annotated[str, Field(min_length=1, max_length=LONGEST_TAG, pattern=VISIBLE_LINE)]

#: As JSON schema says it: `dashboard.cursors` refuses what is none, in words.
_CURSOR: dict[str, Any] = {"minLength": 1, "maxLength": 100, "pattern": "^[A-Za-z0-9_-]+$"}


def _no_number(given: object) -> object:
    """Pydantic takes numbers for seconds since 1970, also as texts."""
    if isinstance(given, int | float) or (isinstance(given, str) and _NUMBER.fullmatch(given.strip())):
        raise ValueError("must be a time such as 2026-01-31T18:00:00Z")
    return given


#: A time in a query: ISO 8601 with its zone.
Instant = Annotated[AwareDatetime, BeforeValidator(_no_number)]


class NamePath(BaseModel):
    """The address of something that people named: a project, a lane, a pool."""

    name: Line = Field(description="Its name")


class PageQuery(RequestPart):
    """Which page of a list."""

    model_config = ConfigDict(extra="forbid")
    cursor: str | None = Field(None, description="'next_cursor' of the page before", json_schema_extra=_CURSOR)
    limit: int = Field(50, ge=1, le=200, description="Most items on the page")


def seconds(when: datetime | None) -> float | None:
    """A time of a request as seconds since 1970."""
    return None if when is None else when.timestamp()


def reply(answer: BaseModel, status: int = 200, **headers: str) -> Response:
    """An answer as JSON."""
    body = answer.model_dump_json(by_alias=True)
    return Response(body, status=status, content_type="application/json", headers=headers)


def signed_link(file: StoredArtifact) -> str:
    """A link to the object storage that works for a limited time; made at every answer and kept nowhere."""
    return farm().storage.link(file.key)


def json_body(blueprint: APIBlueprint, model: type[BaseModel]) -> dict[str, Any]:
    """How the OpenAPI document describes a JSON body that the endpoint reads itself."""
    content = {"application/json": {"schema": schema_reference(blueprint, model)}}
    return {"requestBody": {"required": True, "content": content}}


def schema_reference(blueprint: APIBlueprint, model: type[BaseModel]) -> dict[str, str]:
    """A reference to a model that no endpoint takes or answers by itself; it becomes a component of the document."""
    if blueprint.doc_ui:
        blueprint.components_schemas.update(_components(model))
    return {"$ref": f"#/components/schemas/{model.__name__}"}


@cache
def _components(model: type[BaseModel]) -> dict[str, Schema]:
    """The model and those that it is made of, by their names in the document."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    definitions: dict[str, Any] = {**schema.pop("$defs", {}), model.__name__: schema}
    for definition in definitions.values():
        _tell_defaults_in_words(definition)
    return {name: Schema(**definition) for name, definition in definitions.items()}


def _tell_defaults_in_words(schema: dict[str, Any]) -> None:
    """openapi-typescript takes each field that has a default for one that is always there: it would have to be sent."""
    for field in schema.get("properties", {}).values():
        default = field.pop("default", None)
        if default not in (None, [], {}):
            said = [field["description"]] if "description" in field else []
            field["description"] = "; ".join([*said, f"by default {json.dumps(default)}"])
