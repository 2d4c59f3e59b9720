"""Reads a rendered picture or clip back and says, attribute by attribute, whether it shows what was asked.

It sees only pixels: the background is the usual colour of the border, the shape is what differs from it,
and the mask of the shape is compared with the drawn outline of every shape in every size. Nothing here
needs a model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from farm.demo.scenes import Scene, draw_shape
from farm.demo.vocabulary import CENTRES, CLIP_RADIUS, DIRECTIONS, PALETTE, RADII, SHAPES

Pixels = NDArray[np.float32]
Mask = NDArray[np.bool_]

OVERLAP_OF_A_SHAPE = 0.7
"""Intersection over union that a mask needs with the drawn outline to count as that shape."""

OVERLAP_OF_A_SIZE = 0.5
"""Below this the mask is like nothing that is ever drawn, and its size means nothing either."""


@dataclass(frozen=True, slots=True)
class PictureCheck:
    """Which attributes of a picture are as asked. What the scene leaves open counts as right."""

    background: bool
    colour: bool
    place: bool
    size: bool
    shape: bool

    @property
    def all_right(self) -> bool:
        return all(getattr(self, field.name) for field in fields(self))


@dataclass(frozen=True, slots=True)
class ClipCheck:
    """Which attributes of a clip are as asked. What the scene leaves open counts as right."""

    background: bool
    colour: bool
    shape: bool
    motion: bool

    @property
    def all_right(self) -> bool:
        return all(getattr(self, field.name) for field in fields(self))


@dataclass(frozen=True, slots=True)
class Seen:
    """What one picture shows: colour names, the middle of the shape's box in pixels, shape and radius."""

    background: str
    colour: str | None
    middle: tuple[float, float] | None
    shape: str | None
    radius: float | None


def check_picture(image: Image.Image, scene: Scene) -> PictureCheck:
    """Compare a picture with the scene that was asked for."""
    seen = look(image, tuple(RADII.values()))
    width, height = image.size
    place = None
    if seen.middle is not None:
        x, y = seen.middle[0] / width, seen.middle[1] / height
        place = min(CENTRES, key=lambda name: (CENTRES[name][0] - x) ** 2 + (CENTRES[name][1] - y) ** 2)
        if max(abs(CENTRES[place][0] - x), abs(CENTRES[place][1] - y)) > 0.1:
            place = None
    size = next((name for name, radius in RADII.items() if radius == seen.radius), None)
    return PictureCheck(
        background=scene.background in (None, seen.background),
        colour=seen.colour is not None and scene.colour in (None, seen.colour),
        place=place is not None and scene.place in (None, place),
        size=size is not None and scene.size in (None, size),
        shape=seen.shape is not None and scene.shape in (None, seen.shape),
    )


def check_clip(frames: Sequence[Image.Image], scene: Scene) -> ClipCheck:
    """Compare a clip with the scene: colours and shape in most of the frames, the motion over all of them."""
    seen = [look(frame, (CLIP_RADIUS,)) for frame in frames]
    most = 0.7 * len(seen)
    return ClipCheck(
        background=sum(scene.background in (None, s.background) for s in seen) >= most,
        colour=sum(s.colour is not None and scene.colour in (None, s.colour) for s in seen) >= most,
        shape=sum(s.shape is not None and scene.shape in (None, s.shape) for s in seen) >= most,
        motion=_motion(seen, frames[0].size) in ((scene.motion,) if scene.motion else tuple(DIRECTIONS)),
    )


def _motion(seen: Sequence[Seen], size: tuple[int, int]) -> str | None:
    """The direction between the first and the last third of a clip; half the drawn way is enough to count."""
    third = max(1, len(seen) // 3)
    first = [s.middle for s in seen[:third] if s.middle is not None]
    last = [s.middle for s in seen[-third:] if s.middle is not None]
    if not first or not last:
        return None
    dx, dy = (np.mean(last, axis=0) - np.mean(first, axis=0)) / np.asarray(size)
    if max(abs(dx), abs(dy)) < 0.08:
        return "still"
    if max(abs(dx), abs(dy)) < 0.16 or min(abs(dx), abs(dy)) > 0.5 * max(abs(dx), abs(dy)):
        return None
    if abs(dx) > abs(dy):
        return "right" if dx > 0 else "left"
    return "down" if dy > 0 else "up"


def look(image: Image.Image, radii: Sequence[float]) -> Seen:
    """Describe a picture by its pixels. `radii`: the sizes to expect, as shares of the shorter side."""
    pixels = np.asarray(image.convert("RGB"), dtype=np.float32)
    ground, background = ground_of(pixels)
    distance = np.linalg.norm(pixels - ground, axis=-1)
    strongest = float(np.quantile(distance, 0.995))
    if strongest < 40:
        return Seen(background, None, None, None, None)
    colour = _nearest_colour(np.median(pixels[distance > 0.8 * strongest], axis=0))
    mask = distance > 0.5 * strongest
    rows, columns = np.flatnonzero(mask.sum(1) > 1), np.flatnonzero(mask.sum(0) > 1)
    if not len(rows) or not len(columns):
        return Seen(background, colour, None, None, None)
    middle = ((columns[0] + columns[-1] + 1) / 2, (rows[0] + rows[-1] + 1) / 2)
    overlap, shape, radius = max(
        (
            _overlap(mask, _template(shape, round(middle[0] * 2), round(middle[1] * 2), radius, image.size)),
            shape,
            radius,
        )
        for shape in SHAPES
        for radius in radii
    )
    if overlap < OVERLAP_OF_A_SIZE:
        return Seen(background, colour, middle, None, None)
    return Seen(background, colour, middle, shape if overlap >= OVERLAP_OF_A_SHAPE else None, radius)


def ground_of(pixels: Pixels) -> tuple[Pixels, str]:
    """The usual colour of the border of (height, width, 3), and the palette's name for it."""
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    ground: Pixels = np.median(border, axis=0)
    return ground, _nearest_colour(ground)


def _nearest_colour(rgb: Pixels) -> str:
    return min(PALETTE, key=lambda name: float(np.sum((np.asarray(PALETTE[name]) - rgb) ** 2)))


def _overlap(mask: Mask, template: Mask) -> float:
    return float((mask & template).sum() / max(1, (mask | template).sum()))


@cache
def _template(shape: str, half_x: int, half_y: int, radius: float, size: tuple[int, int]) -> Mask:
    """The drawn mask of a shape whose box has its middle at (half_x / 2, half_y / 2) pixels."""
    middle = (half_x / 2, half_y / 2)
    drawn = draw_shape(shape, middle, radius * min(size), (255, 255, 255), (0, 0, 0), size)
    return np.asarray(drawn)[..., 0] > 127
