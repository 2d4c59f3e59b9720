"""A scene of the demo world, and how it is drawn: one shape of one colour on a plain background."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from farm.demo.vocabulary import (
    CENTRES,
    CLIP_RADIUS,
    COLOURS,
    DIRECTIONS,
    MOTIONS,
    PALETTE,
    PLACES,
    RADII,
    SHAPES,
    SIZES,
)

Colour = tuple[int, int, int]
_SMOOTHING = 4


@dataclass(frozen=True, slots=True)
class Scene:
    """What is to be seen. A field that is None is not asked for: the seed may choose it.

    Pictures use place and size; clips use motion, and leave place and size None.
    """

    shape: str | None
    colour: str | None
    background: str | None
    place: str | None = None
    size: str | None = None
    motion: str | None = None


def is_held_out(scene: Scene) -> bool:
    """Whether this (shape, colour, background) is never shown in training: about one combination in five."""
    if scene.shape is None or scene.colour is None or scene.background is None:
        return False
    names = list(COLOURS)
    place_in_table = list(SHAPES).index(scene.shape) + 2 * names.index(scene.colour) + names.index(scene.background)
    return place_in_table % 5 == 0


def random_scene(rng: random.Random, *, clip: bool = False, held_out: bool = False) -> Scene:
    """A complete scene, drawn evenly, from the combinations of training or from those held out of it."""
    while True:
        colour, background = rng.sample(list(COLOURS), 2)
        scene = Scene(
            shape=rng.choice(list(SHAPES)),
            colour=colour,
            background=background,
            place=None if clip else rng.choice(list(PLACES)),
            size=None if clip else rng.choice(list(SIZES)),
            motion=rng.choice(list(MOTIONS)) if clip else None,
        )
        if is_held_out(scene) is held_out:
            return scene


def every_clip() -> list[Scene]:
    """Every complete scene of a clip that training may show: shape by colour by background by motion."""
    scenes = [
        Scene(shape, colour, background, motion=motion)
        for shape in SHAPES
        for colour in COLOURS
        for background in COLOURS
        for motion in MOTIONS
        if background != colour
    ]
    return [scene for scene in scenes if not is_held_out(scene)]


def outline(shape: str, centre: tuple[float, float], radius: float) -> list[tuple[float, float]]:
    """The corners of a shape in pixels; a circle is given as many short edges."""
    x, y = centre
    if shape == "square":
        half = 0.9 * radius
        return [(x - half, y - half), (x + half, y - half), (x + half, y + half), (x - half, y + half)]
    if shape == "triangle":
        return [(x, y - radius), (x + radius, y + radius), (x - radius, y + radius)]
    corners = 72 if shape == "circle" else 10
    reach = [radius] if shape == "circle" else [radius, 0.42 * radius]
    # A star's box is higher above its centre than below; the shift puts the middle of the box on the centre.
    lift = 0.0 if shape == "circle" else 0.095 * radius
    return [
        (
            x + reach[i % len(reach)] * math.sin(2 * math.pi * i / corners),
            y + lift - reach[i % len(reach)] * math.cos(2 * math.pi * i / corners),
        )
        for i in range(corners)
    ]


def draw_shape(
    shape: str,
    centre: tuple[float, float],
    radius: float,
    colour: Colour,
    background: Colour,
    size: tuple[int, int],
) -> Image.Image:
    """A smooth picture of `size` (width, height); centre and radius in pixels."""
    width, height = size
    image = Image.new("RGB", (width * _SMOOTHING, height * _SMOOTHING), background)
    corners = outline(shape, (centre[0] * _SMOOTHING, centre[1] * _SMOOTHING), radius * _SMOOTHING)
    ImageDraw.Draw(image).polygon(corners, fill=colour)
    return image.reduce(_SMOOTHING)


def shades(scene: Scene, rng: random.Random | None) -> tuple[Colour, Colour]:
    """The colours of shape and background: the palette's, or a shade near it when `rng` is given."""
    return shade(scene.colour, rng), shade(scene.background, rng)


def shade(name: str | None, rng: random.Random | None) -> Colour:
    """The palette's colour, or one near it when `rng` is given. Raises ValueError for a colour left open."""
    if name is None:
        raise ValueError("This scene leaves a colour open; a drawing needs every attribute.")
    red, green, blue = PALETTE[name]
    spread = 0 if rng is None else 8
    drift = [0 if rng is None else rng.randint(-spread, spread) for _ in range(3)]
    return tuple(min(255, max(0, c + d)) for c, d in zip((red, green, blue), drift, strict=True))  # type: ignore[return-value]


def draw_picture(scene: Scene, width: int = 128, height: int = 128, rng: random.Random | None = None) -> Image.Image:
    """The scene as a picture of width × height pixels; `rng` varies the shades a little."""
    if scene.shape is None or scene.place is None or scene.size is None:
        raise ValueError("This scene leaves shape, place or size open; a drawing needs every attribute.")
    across, down = CENTRES[scene.place]
    radius = RADII[scene.size] * min(width, height)
    return draw_shape(scene.shape, (across * width, down * height), radius, *shades(scene, rng), (width, height))


def clip_centres(motion: str, frames: int, width: int, height: int) -> Sequence[tuple[float, float]]:
    """Where the shape's centre is in each frame, in pixels: half the picture's way, at an even pace."""
    right, down = DIRECTIONS[motion]
    steps = [0.0] if frames == 1 else [i / (frames - 1) - 0.5 for i in range(frames)]
    return [((0.5 + right * s * 0.5) * width, (0.5 + down * s * 0.5) * height) for s in steps]


def draw_clip(
    scene: Scene, frames: int = 9, width: int = 64, height: int = 64, rng: random.Random | None = None
) -> list[Image.Image]:
    """The scene as a clip of `frames` pictures; `rng` varies the shades a little, the same in every frame."""
    if scene.shape is None or scene.motion is None:
        raise ValueError("This scene leaves shape or motion open; a drawing needs every attribute.")
    colours = shades(scene, rng)
    radius = CLIP_RADIUS * min(width, height)
    return [
        draw_shape(scene.shape, centre, radius, *colours, (width, height))
        for centre in clip_centres(scene.motion, frames, width, height)
    ]
