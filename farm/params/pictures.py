"""Uploaded pictures and clips that a request names by their ids: each becomes what a render keeps of it."""

from collections.abc import Callable, Mapping
from typing import Any

from farm.params.request.base import CLIPS, PICTURE_LISTS, PICTURES, ClipRef, InputRef, RenderParameters

#: From an id to the picture or clip, if the project has one of that id.
FindInput = Callable[[str], InputRef | None]


def none_uploaded(_: str) -> InputRef | None:
    """For requests of nobody: there is no picture."""
    return None


def stored_pictures(parameters: Mapping[str, Any]) -> dict[str, InputRef]:
    """The pictures and clips of a render as it is stored, by the name of the parameter; of a list by NAME/PLACE."""
    found = {name: _ref(parameters[name]) for name in (*PICTURES, *CLIPS) if parameters.get(name) is not None}
    for name in PICTURE_LISTS:
        found |= {f"{name}/{place}": _ref(each) for place, each in enumerate(parameters.get(name) or ())}
    return found


def asked_again(parameters: Mapping[str, Any]) -> dict[str, str | list[str]]:
    """How a request names the pictures and clips of a render as it is stored: their ids."""
    asked: dict[str, str | list[str]] = {
        name: parameters[name]["id"] for name in (*PICTURES, *CLIPS) if parameters.get(name) is not None
    }
    return asked | {name: [each["id"] for each in parameters[name]] for name in PICTURE_LISTS if parameters.get(name)}


def takes_picture(kind: type[RenderParameters], name: str) -> bool:
    """Whether renders of a family have that picture, clip or list of pictures."""
    return name in kind.model_fields


def _ref(stored: Mapping[str, Any]) -> InputRef:
    return (ClipRef if "frames" in stored else InputRef).model_validate(stored)
