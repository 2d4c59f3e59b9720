"""What the forms of these pages ask for, in the words in which the API is asked; and what is wrong with it."""

from collections.abc import Mapping
from typing import TypeVar

from flask import flash, redirect
from flask.typing import ResponseReturnValue
from pydantic import BaseModel, ValidationError

from dashboard.problems import from_validation
from dashboard.translations.said import gettext, said, word
from dashboard.translations.stored import stored
from farm.errors import FarmError
from farm.sentences import sentence

#: What faults call the fields of these forms.
FIELDS = {
    "name": sentence("The name"),
    "project": sentence("Project"),
    "role": sentence("Role"),
    "password": sentence("Password"),
    "scopes": sentence("Scopes"),
    "seconds": sentence("Seconds"),
    "url": sentence("Url"),
    "event_types": sentence("Event types"),
    "weight": sentence("Weight"),
    "max_pending": sentence("Max pending"),
    "max_running": sentence("Max running"),
    "gpu_seconds_per_day": sentence("Gpu seconds per day"),
    "budget": sentence("Budget"),
    "retention_days": sentence("Retention days"),
}
ModelT = TypeVar("ModelT", bound=BaseModel)


def asked_for(model: type[ModelT], typed: Mapping[str, object]) -> ModelT:
    """What was typed, as the API would take it; numbers may be texts. Raises InvalidRequest."""
    try:
        return model.model_validate(dict(typed), strict=False)
    except ValidationError as error:
        raise from_validation(error, "") from error


def faults_of(error: FarmError) -> list[str]:
    """What is wrong, in the language of the request: each fault with the field that it is about."""
    if not error.faults:
        return [stored(word(error.detail))]
    return [_with_field(fault.field, stored(fault.message)) for fault in error.faults]


def _with_field(pointer: str, message: str) -> str:
    name = pointer.strip("/").partition("/")[0]
    if not name:
        return message
    field = FIELDS.get(name) or name.replace("_", " ").capitalize()
    return gettext("%(field)s: %(fault)s", field=said(field), fault=message)


def is_for_the_form(error: FarmError) -> bool:
    """Whether whoever typed can put it right there; all else is a page about the error."""
    return error.status in (402, 409, 422)


def done(address: str, told: str, **about: object) -> ResponseReturnValue:
    """To a page that says once what was done."""
    flash({"said": told, **about}, "notice")  # type: ignore[arg-type]  # it may be any JSON
    return redirect(address, 303)
