"""Reads a picture of two shapes back: their colours, forms and sizes, the ground, and how they stand to each other.

It sees only pixels. What differs from the ground is cut apart along empty columns and rows; each piece is then looked
at alone, as a picture of one shape is. There must be exactly two: a third shape is as wrong as a missing one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from itertools import groupby

import numpy as np
from PIL import Image

from farm.demo.checker import Mask, Pixels, Seen, ground_of, look
from farm.demo.pairs import Pair, Thing
from farm.demo.vocabulary import PAIR_RADII

LEAST_CONTRAST = 45.0
"""Distance from the ground in RGB; the two nearest colours of the palette are 106 apart."""

LEAST_AREA = 0.003
"""A piece smaller than this share of the picture is a speck; the smallest shape that is drawn has 2 %."""

LEAST_APART = 0.2
"""How far the middles are apart along the relation, as a share of the side; half the drawn way is enough."""

SIDE = 128
"""Larger pictures are read at about this size; what tells a star from a triangle is still there."""

_MARGIN = 2

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels, the last two outside."""


@dataclass(frozen=True, slots=True)
class PairCheck:
    """Which attributes of a picture of two shapes are as asked. What the pair leaves open counts as right."""

    background: bool
    colours: bool
    shapes: bool
    sizes: bool
    relation: bool

    @property
    def all_right(self) -> bool:
        return all(getattr(self, field.name) for field in fields(self))


def check_pair(image: Image.Image, pair: Pair) -> PairCheck:
    """Compare a picture with the pair that was asked for; which shape is meant to be which is read in its favour."""
    image = image.convert("RGB").reduce(max(1, min(image.size) // SIDE))
    background, things = look_at_all(image)
    right_ground = pair.background in (None, background)
    if len(things) != 2:
        return PairCheck(right_ground, False, False, False, False)
    one, other = things
    readings = [_read(image, pair, right_ground, first, second) for first, second in ((one, other), (other, one))]
    return max(readings, key=lambda check: sum(getattr(check, field.name) for field in fields(check)))


def _read(image: Image.Image, pair: Pair, background: bool, first: Seen, second: Seen) -> PairCheck:
    both = ((pair.first, first), (pair.second, second))
    relation = relation_between(first, second, image.size)
    return PairCheck(
        background=background,
        colours=all(seen.colour is not None and asked.colour in (None, seen.colour) for asked, seen in both),
        shapes=all(seen.shape is not None and asked.shape in (None, seen.shape) for asked, seen in both),
        sizes=all(_right_size(asked, seen) for asked, seen in both),
        relation=relation is not None and pair.relation in (None, relation),
    )


def _right_size(asked: Thing, seen: Seen) -> bool:
    return seen.radius is not None and (asked.size is None or PAIR_RADII[asked.size] == seen.radius)


def relation_between(first: Seen, second: Seen, size: tuple[int, int]) -> str | None:
    """How the first stands to the second: left, right, above or below; None where it is neither clearly."""
    if first.middle is None or second.middle is None:
        return None
    across = (first.middle[0] - second.middle[0]) / size[0]
    down = (first.middle[1] - second.middle[1]) / size[1]
    if max(abs(across), abs(down)) < LEAST_APART or min(abs(across), abs(down)) > 0.5 * max(abs(across), abs(down)):
        return None
    if abs(across) > abs(down):
        return "left" if across < 0 else "right"
    return "above" if down < 0 else "below"


def look_at_all(image: Image.Image) -> tuple[str, list[Seen]]:
    """The background's colour, and each thing on it, of an RGB picture."""
    pixels = np.asarray(image, dtype=np.float32)
    ground, background = ground_of(pixels)
    mask = np.linalg.norm(pixels - ground, axis=-1) > LEAST_CONTRAST
    smallest = LEAST_AREA * mask.size
    boxes = [box for box in _cut(mask, (0, 0, mask.shape[1], mask.shape[0])) if _area(mask, box) >= smallest]
    return background, [look(_alone(pixels, ground, box), _RADII) for box in boxes]


_RADII = tuple(PAIR_RADII.values())


def _area(mask: Mask, box: Box) -> int:
    left, top, right, bottom = box
    return int(mask[top:bottom, left:right].sum())


def _alone(pixels: Pixels, ground: Pixels, box: Box) -> Image.Image:
    """The picture with nothing but this piece and the pixels next to it on the ground."""
    left, top, right, bottom = box
    shown = np.broadcast_to(ground, pixels.shape).copy()
    rows = slice(max(0, top - _MARGIN), bottom + _MARGIN)
    columns = slice(max(0, left - _MARGIN), right + _MARGIN)
    shown[rows, columns] = pixels[rows, columns]
    return Image.fromarray(shown.round().astype(np.uint8))


def _cut(mask: Mask, box: Box) -> Iterator[Box]:
    """The pieces of a part of the mask, cut apart along empty columns and rows until none is left."""
    left, top, right, bottom = box
    part = mask[top:bottom, left:right]
    columns, rows = (_runs(list(part.sum(axis=axis) > 0)) for axis in (0, 1))
    if not columns or not rows:
        return
    pieces = [(left + x0, top + y0, left + x1, top + y1) for y0, y1 in rows for x0, x1 in columns]
    if pieces == [box]:
        yield box
        return
    for piece in pieces:
        yield from _cut(mask, piece)


def _runs(filled: Iterable[bool]) -> list[tuple[int, int]]:
    """Begin and end of each run of True."""
    found, place = [], 0
    for value, members in groupby(filled):
        length = len(list(members))
        if value:
            found.append((place, place + length))
        place += length
    return found
