"""The words of the demo world, in English and Chinese, and what each one stands for.

The first form of a word is the one to show in examples; the others are understood as well.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Word:
    """The ways to say one thing: English forms and Chinese forms, the usual one first."""

    english: tuple[str, ...]
    chinese: tuple[str, ...]


COLOURS: dict[str, Word] = {
    "red": Word(("red",), ("红色",)),
    "green": Word(("green",), ("绿色",)),
    "blue": Word(("blue",), ("蓝色",)),
    "yellow": Word(("yellow",), ("黄色",)),
    "orange": Word(("orange",), ("橙色",)),
    "purple": Word(("purple",), ("紫色",)),
    "white": Word(("white",), ("白色",)),
    "black": Word(("black",), ("黑色",)),
}

# Red, green and blue from 0 to 255, far apart, so that a slightly wrong shade still has one nearest name.
PALETTE: dict[str, tuple[int, int, int]] = {
    "red": (215, 35, 40),
    "green": (40, 165, 70),
    "blue": (45, 80, 220),
    "yellow": (250, 225, 50),
    "orange": (245, 135, 20),
    "purple": (140, 55, 180),
    "white": (245, 245, 245),
    "black": (20, 20, 24),
}

SHAPES: dict[str, Word] = {
    "circle": Word(("circle",), ("圆形",)),
    "square": Word(("square",), ("正方形",)),
    "triangle": Word(("triangle",), ("三角形",)),
    "star": Word(("star",), ("星形",)),
}

# Radius as a share of the picture's shorter side.
SIZES: dict[str, Word] = {
    "small": Word(("small",), ("小号", "小的")),
    "large": Word(("large", "big"), ("大号", "大的")),
}
RADII: dict[str, float] = {"small": 18 / 128, "large": 30 / 128}

# Where the centre is: shares of the width and of the height, from the top left corner.
PLACES: dict[str, Word] = {
    "top left": Word(("in the top left corner", "in the top left"), ("左上角",)),
    "top": Word(("at the top",), ("上方",)),
    "top right": Word(("in the top right corner", "in the top right"), ("右上角",)),
    "left": Word(("on the left",), ("左边",)),
    "centre": Word(("in the centre", "in the center", "in the middle"), ("中间",)),
    "right": Word(("on the right",), ("右边",)),
    "bottom left": Word(("in the bottom left corner", "in the bottom left"), ("左下角",)),
    "bottom": Word(("at the bottom",), ("下方",)),
    "bottom right": Word(("in the bottom right corner", "in the bottom right"), ("右下角",)),
}
CENTRES: dict[str, tuple[float, float]] = {
    "top left": (0.25, 0.25),
    "top": (0.5, 0.25),
    "top right": (0.75, 0.25),
    "left": (0.25, 0.5),
    "centre": (0.5, 0.5),
    "right": (0.75, 0.5),
    "bottom left": (0.25, 0.75),
    "bottom": (0.5, 0.75),
    "bottom right": (0.75, 0.75),
}

# Pairs. The first shape stands left of, right of, above or below the second, each at one of these places.
RELATIONS: dict[str, Word] = {
    "left": Word(("left of", "to the left of"), ("左边", "左侧")),
    "right": Word(("right of", "to the right of"), ("右边", "右侧")),
    "above": Word(("above",), ("上方", "上面")),
    "below": Word(("below", "under"), ("下方", "下面")),
}
STANDINGS: dict[str, tuple[str, str]] = {
    "left": ("left", "right"),
    "right": ("right", "left"),
    "above": ("top", "bottom"),
    "below": ("bottom", "top"),
}
PAIR_RADII: dict[str | None, float] = {"small": 18 / 128, None: 23 / 128, "large": 28 / 128}
"""A little less than alone, so that two large ones keep apart; a size that is not named is in between."""

# Clips. A shape crosses the middle of the picture from one quarter to the other, or stays at the centre.
MOTIONS: dict[str, Word] = {
    "left": Word(("moving left", "moving to the left"), ("向左移动",)),
    "right": Word(("moving right", "moving to the right"), ("向右移动",)),
    "up": Word(("moving up",), ("向上移动",)),
    "down": Word(("moving down",), ("向下移动",)),
    "still": Word(("standing still",), ("静止不动",)),
}
DIRECTIONS: dict[str, tuple[int, int]] = {
    "left": (-1, 0),
    "right": (1, 0),
    "up": (0, -1),
    "down": (0, 1),
    "still": (0, 0),
}
CLIP_RADIUS = 7 / 32

# Words that name nothing in a scene; as a negative prompt they leave the picture free.
VAGUE: tuple[str, ...] = ("", "blurry", "low quality", "blurry, low quality, distorted", "模糊", "低质量")
