"""Bodies as OpenAI's clients send them: JSON, or a form in parts, where all that is no file is text."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import request
from pydantic import TypeAdapter, ValidationError
from werkzeug.datastructures import FileStorage

from dashboard.context import farm
from dashboard.http.bodies import read_json
from dashboard.openai.fields import without_none
from farm.errors import Fault, InvalidRequest
from farm.params import JobRequest
from farm.params.request.body import parse_json_body

#: Lists, which a form holds as JSON.
_LISTS = ("loras", "post_processors")


@dataclass(frozen=True)
class Sent:
    """The fields of a request by name, its files, and whether numbers came as numbers."""

    fields: Mapping[str, Any]
    files: Mapping[str, list[FileStorage]] = field(default_factory=dict)
    typed: bool = True


def read_body() -> Sent:
    """The body, JSON or a form. Raises InvalidRequest, and what `dashboard.http.bodies.read_json` raises."""
    if not request.mimetype.startswith("multipart/"):
        document = read_json()
        if not isinstance(document, dict):
            raise InvalidRequest([Fault("", "the body must be a JSON object")])
        return Sent(without_none(document))
    faults = [
        Fault(f"/{_plain(name)}", "is given more than once") for name, values in request.form.lists() if len(values) > 1
    ]
    if faults:
        raise InvalidRequest(faults)
    files: dict[str, list[FileStorage]] = {}
    for name, each in request.files.lists():
        files.setdefault(_plain(name), []).extend(each)
    return Sent({name: _value(name, text) for name, text in request.form.items()}, files, typed=False)


def _plain(name: str) -> str:
    """'image[]' → image: so a list of files is sent."""
    return name.removesuffix("[]")


def _value(name: str, text: str) -> Any:
    """The text of a field as a request of ours would hold it; what is no such value stays, and is refused later.

    Raises BadJson.
    """
    if name in _LISTS:
        return parse_json_body(text.encode(), farm().settings.max_body_bytes)
    declared = JobRequest.model_fields.get(name)
    if declared is None or text == "":
        return text
    try:
        kind: Any = declared.annotation
        return TypeAdapter(kind).validate_python(text)
    except ValidationError:
        return text
