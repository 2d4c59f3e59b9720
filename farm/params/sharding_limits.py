"""Which clips can be split over several devices: their tokens must divide by the number of parts.

Latent frames x rows x columns are the tokens of a clip; the transformer's hooks cut them into equal parts
(diffusers 0.42, `EquipartitionSharder`), and raise where that leaves a rest.
"""

from collections.abc import Mapping
from typing import Any

from farm.catalog.schema import ModelEntry
from farm.catalog.supported_features import ABILITIES
from farm.params.checks.collector import Checked, refused
from farm.params.sizes import Shape, rendered_shape


def count_tokens(entry: ModelEntry, shape: Shape) -> int | None:
    """The tokens of a clip or picture as the model renders it; None for a family that cannot be split so."""
    ability = ABILITIES.get(entry.family)
    if ability is None or ability.token_pixels is None:
        return None
    latent_frames = (shape.frames - 1) // (ability.frames_per_latent or 1) + 1
    return latent_frames * (shape.height // ability.token_pixels) * (shape.width // ability.token_pixels)


def division_fault(entry: ModelEntry, shape: Shape) -> str | None:
    """Why the model's pools cannot split this shape, with the nearest width that they can; None if they can."""
    parts, tokens = entry.sequence_parts, count_tokens(entry, shape)
    if parts == 1 or tokens is None or tokens % parts == 0:
        return None
    frames = f" with {shape.frames} frames" if shape.frames > 1 else ""
    text = f"{shape}{frames} is {tokens:,} tokens, which its workers cannot split into {parts} equal parts"
    nearest = _nearest_width(entry, shape)
    return f"{text}; take {nearest}x{shape.height}" if nearest else f"{text}; take {_offered(entry, shape)}"


def check_division(parameters: Mapping[str, Any], entry: ModelEntry) -> Checked[None]:
    """A fault if the pools of the model cannot split what its own check has let in without one."""
    if entry.sequence_parts == 1:
        return None, ()
    width, height, frames = parameters["width"], parameters["height"], parameters.get("num_frames", 1)
    fault = division_fault(entry, rendered_shape(entry, width, height, frames))
    return refused(None, "width", f"{entry.name}: {fault}") if fault else (None, ())


def _nearest_width(entry: ModelEntry, shape: Shape) -> int | None:
    """The nearest legal width that divides at the same height and length; of two as near the smaller."""
    multiple, limits = entry.size_multiple, entry.limits
    low, high = -(-limits.width[0] // multiple) * multiple, min(limits.width[1], limits.max_pixels // shape.height)
    legal = (
        width
        for width in range(low, high + 1, multiple)
        if (count_tokens(entry, Shape(width, shape.height, shape.frames)) or 0) % entry.sequence_parts == 0
    )
    return min(legal, key=lambda width: abs(width - shape.width), default=None)


def _offered(entry: ModelEntry, shape: Shape) -> str:
    """The sizes of the catalog that divide at this length."""
    found = [
        f"{width}x{height}"
        for width, height in entry.sizes
        if (count_tokens(entry, Shape(width, height, shape.frames)) or 0) % entry.sequence_parts == 0
    ]
    return " or ".join(found[:4]) or "another height or number of frames"
