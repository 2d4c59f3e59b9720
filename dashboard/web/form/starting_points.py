"""From a finished picture or clip to the form of a model that starts from it."""

from collections.abc import Mapping
from typing import Any

from dashboard.context import farm
from dashboard.web.form.submission import form_of
from farm.catalog import ModelEntry
from farm.params.families import family_named
from farm.params.forms import parameters_schema
from farm.params.pictures import takes_picture


def starting_field(content_type: str) -> str:
    """The parameter that a picture, or a clip, is the value of."""
    return "video" if content_type.startswith("video/") else "image"


def model_that_starts(content_type: str, made_by: str) -> ModelEntry | None:
    """A model that a pool serves and that starts from such a file: the one that made it, or the first; None: no one."""
    catalog, field = farm().catalog, starting_field(content_type)
    served = [catalog.model(pool.model) for pool in catalog.pools.values()]
    able = [entry for entry in served if takes_picture(family_named(entry.family).parameters, field)]
    return next((entry for entry in able if entry.name == made_by), able[0] if able else None)


def starting_fields(entry: ModelEntry, content_type: str, input_id: str, asked: Mapping[str, Any]) -> dict[str, str]:
    """What the form is filled with: the file, the words, and the size where the model has it."""
    form = form_of(parameters_schema(entry, farm().settings.class_shares))
    filled = {"model": entry.name, starting_field(content_type): input_id, "prompt": str(asked["prompt"])}
    if form.has_negative_prompt and asked.get("negative_prompt"):
        filled["negative_prompt"] = str(asked["negative_prompt"])
    if (asked["width"], asked["height"]) in form.sizes:
        filled |= {"width": str(asked["width"]), "height": str(asked["height"])}
    return filled
