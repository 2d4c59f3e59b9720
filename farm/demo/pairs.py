"""Two shapes and how they stand to each other: 'a red circle left of a blue square', and how that is drawn."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from PIL import Image, ImageDraw

from farm.demo.scenes import Colour, Scene, outline, random_scene, shade
from farm.demo.vocabulary import CENTRES, COLOURS, PAIR_RADII, RADII, RELATIONS, SHAPES, SIZES, STANDINGS

_SMOOTHING = 4


@dataclass(frozen=True, slots=True)
class Thing:
    """One shape of a pair. None is not asked for; a size that is not asked for is drawn between small and large."""

    shape: str | None
    colour: str | None
    size: str | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    """`first` stands `relation` (left, right, above or below) of `second`, on a plain background."""

    first: Thing
    second: Thing
    relation: str | None
    background: str | None

    def turned(self) -> Pair:
        """The same picture told from the other shape: 'B right of A' for 'A left of B'."""
        if self.relation is None:
            return replace(self, first=self.second, second=self.first)
        opposite = {"left": "right", "right": "left", "above": "below", "below": "above"}[self.relation]
        return Pair(self.second, self.first, opposite, self.background)


@dataclass(frozen=True, slots=True)
class Placed:
    """A shape as it is drawn: centre and radius as shares of the picture (the radius of its shorter side)."""

    shape: str
    colour: str
    centre: tuple[float, float]
    radius: float


def is_held_out_pair(pair: Pair) -> bool:
    """Whether these two coloured shapes are never shown together in training, in any order: one pair in five."""
    numbers = []
    for thing in (pair.first, pair.second):
        if thing.shape is None or thing.colour is None:
            return False
        numbers.append(list(SHAPES).index(thing.shape) + len(SHAPES) * list(COLOURS).index(thing.colour))
    return sum(numbers) % 5 == 0


def random_pair(rng: random.Random, *, held_out: bool = False) -> Pair:
    """A pair complete but for sizes, half of which are left open; of the training's combinations or those held out.

    The two differ in colour or shape, and the background from both.
    """
    while True:
        first, second = (
            Thing(
                rng.choice(list(SHAPES)),
                rng.choice(list(COLOURS)),
                rng.choice(list(SIZES)) if rng.random() < 0.5 else None,
            )
            for _ in range(2)
        )
        pair = Pair(first, second, rng.choice(list(RELATIONS)), rng.choice(list(COLOURS)))
        if (first.shape, first.colour) == (second.shape, second.colour):
            continue
        if pair.background not in (first.colour, second.colour) and is_held_out_pair(pair) is held_out:
            return pair


def random_picture(rng: random.Random) -> Scene | Pair:
    """What a training picture shows: one shape in a quarter of cases, else two."""
    return random_scene(rng) if rng.random() < 0.25 else random_pair(rng)


def placed(scene: Scene | Pair) -> list[Placed]:
    """The shapes of a complete scene where they are drawn. Raises ValueError for what leaves shape or place open."""
    if isinstance(scene, Pair):
        if scene.relation is None:
            raise ValueError("This pair leaves the relation open; a drawing needs it.")
        things = zip((scene.first, scene.second), STANDINGS[scene.relation], strict=True)
        return [_placed(thing.shape, thing.colour, place, PAIR_RADII[thing.size]) for thing, place in things]
    if scene.size is None:
        raise ValueError("This scene leaves the size open; a drawing needs every attribute.")
    return [_placed(scene.shape, scene.colour, scene.place, RADII[scene.size])]


def _placed(shape: str | None, colour: str | None, place: str | None, radius: float) -> Placed:
    if shape is None or colour is None or place is None:
        raise ValueError("This scene leaves shape, colour or place open; a drawing needs every attribute.")
    return Placed(shape, colour, CENTRES[place], radius)


def draw(scene: Scene | Pair, side: int = 256, rng: random.Random | None = None) -> Image.Image:
    """The scene as a smooth square picture of `side` pixels; `rng` varies the shades a little."""
    ground = shade(scene.background, rng)
    return paint([(shape, shade(shape.colour, rng)) for shape in placed(scene)], ground, side)


def paint(shapes: list[tuple[Placed, Colour]], ground: Colour, side: int) -> Image.Image:
    """Shapes in these colours on a square of `side` pixels, smooth at the edges."""
    large = side * _SMOOTHING
    image = Image.new("RGB", (large, large), ground)
    canvas = ImageDraw.Draw(image)
    for shape, colour in shapes:
        centre = (shape.centre[0] * large, shape.centre[1] * large)
        canvas.polygon(outline(shape.shape, centre, shape.radius * large), fill=colour)
    return image.reduce(_SMOOTHING)
