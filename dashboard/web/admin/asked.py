"""What the forms of these pages ask for, in the words in which the API is asked; and what is wrong with it."""

from collections.abc import Mapping
from typing import TypeVar

from flask import flash, redirect
from flask.typing import ResponseReturnValue
from pydantic import BaseModel, ValidationError

from dashboard.problems import from_validation
from dashboard.translations.said import gettext, word
from dashboard.translations.stored import stored
from farm.errors import FarmError
from farm.sentences import sentence

#: What faults call the fields of these forms, for the catalogs.
FIELDS = (
    *(sentence("Name"), sentence("Weight"), sentence("Project"), sentence("Role"), sentence("Password")),
    *(sentence("Scopes"), sentence("Seconds"), sentence("Url"), sentence("Event types"), sentence("Max pending")),
    *(sentence("Max running"), sentence("Gpu seconds per day"), sentence("Budget"), sentence("Retention days")),
)
ModelT = TypeVar("ModelT", bound=BaseModel)


def asked_for(model: type[ModelT], typed: Mapping[str, object]) -> ModelT:
    """What was typed, as the API would take it; numbers may be texts. Raises InvalidRequest."""
    try:
        return model.model_validate(dict(typed))
    except ValidationError as error:
        raise from_validation(error, "") from error


def faults_of(error: FarmError) -> list[str]:
    """What is wrong, in the language of the request: each fault with the field that it is about."""
    if not error.faults:
        return [stored(word(error.detail))]
    return [_with_field(fault.field, stored(fault.message)) for fault in error.faults]


def _with_field(pointer: str, message: str) -> str:
    if not pointer:
        return message
    field = word(pointer.strip("/").replace("_", " ").capitalize())
    return gettext("%(field)s: %(fault)s", field=field, fault=message)


def is_for_the_form(error: FarmError) -> bool:
    """Whether whoever typed can put it right there; all else is a page about the error."""
    return error.status in (402, 409, 422)


def done(address: str, said: str, **about: object) -> ResponseReturnValue:
    """To a page that says once what was done."""
    flash({"said": said, **about}, "notice")  # type: ignore[arg-type]  # it may be any JSON
    return redirect(address, 303)
