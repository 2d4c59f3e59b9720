"""Uploaded pictures that a request names by their ids: each becomes what a render keeps of it."""

from collections.abc import Callable, Mapping
from typing import Any

from farm.params.request.base import PICTURES, InputRef, RenderParameters

#: From an id to the picture, if the project has one of that id.
FindInput = Callable[[str], InputRef | None]


def none_uploaded(_: str) -> InputRef | None:
    """For requests of nobody: there is no picture."""
    return None


def stored_pictures(parameters: Mapping[str, Any]) -> dict[str, InputRef]:
    """The pictures of a render as it is stored, by the name of the parameter."""
    return {name: InputRef.model_validate(parameters[name]) for name in PICTURES if parameters.get(name) is not None}


def takes_picture(kind: type[RenderParameters], name: str) -> bool:
    """Whether renders of a family have that picture."""
    return name in kind.model_fields
