"""What the page offers of each model: ranges, choices and defaults, as the farm's own JSON Schema of it says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from farm.client import FarmClient, Model
from farm.errors import NotFound
from farm.params.request.base import PICTURES


@dataclass(frozen=True)
class Limits:
    """What a number may be, and what it is when nobody says."""

    low: float
    high: float
    default: float


@dataclass(frozen=True)
class Offer:
    """A model that renders from a prompt alone."""

    name: str
    title: str
    steps: Limits
    guidance: Limits
    #: '128 × 128', in pixels, the default first.
    sizes: tuple[str, ...]
    samplers: tuple[str, ...]
    sampler: str
    #: The model's own; None: it takes none.
    negative_prompt: str | None
    #: Numbers of frames of a clip, and the model's own; none of a model of pictures.
    frames: tuple[int, ...]
    num_frames: int | None


def read_offers(farm: FarmClient) -> dict[str, Offer]:
    """The models that some pool of the farm renders and that need no picture. Raises FarmError, also for none."""
    served = {pool.model for pool in farm.pools()}
    offers = {model.name: offer_of(model) for model in farm.models() if model.name in served and not _needs(model)}
    if not offers:
        raise NotFound("This farm has no pool for a model that renders from a prompt alone: see `farm pools`.")
    return offers


def offer_of(model: Model) -> Offer:
    """What the schema of a model says of the fields that the page has."""
    fields = {name: _one(field) for name, field in model.parameters["properties"].items()}
    frames = fields.get("num_frames", {})
    return Offer(
        name=model.name,
        title=model.title or model.name,
        steps=_limits(fields["num_inference_steps"]),
        guidance=_limits(fields["guidance_scale"]),
        sizes=tuple(f"{width} × {height}" for width, height in model.sizes),
        samplers=_choices(fields["sampler"]),
        sampler=fields["sampler"]["default"],
        negative_prompt=fields["negative_prompt"]["default"] if "negative_prompt" in fields else None,
        frames=_choices(frames),
        num_frames=frames.get("default"),
    )


def _needs(model: Model) -> bool:
    """Whether it renders only from a picture."""
    return not set(PICTURES).isdisjoint(model.parameters["required"])


def _one(field: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of one value, with the words and the default beside it; a list of values is a sweep."""
    shapes = field.get("anyOf") or [{}]
    return {**shapes[0], **field}


def _limits(field: Mapping[str, Any]) -> Limits:
    return Limits(field["minimum"], field["maximum"], field["default"])


def _choices(field: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(value for value in field.get("enum", ()) if value is not None)
