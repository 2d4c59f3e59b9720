"""A contact sheet whose pictures stand in rows and columns with labels: a sweep on one picture."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

_GAP, _MARGIN, _LINE_HEIGHT = 6, 12, 16  # pixels
_MOST_LINES = 3  # of a label
_PAPER, _INK, _SOFT, _EMPTY = (24, 24, 27), (228, 228, 231), (161, 161, 170), (39, 39, 42)
_CHAR_WIDTH = 7.5  # pixels, about, of the font below


@dataclass(frozen=True)
class GridRow:
    """One row: what stands before it, and its pictures; None where nothing is rendered yet.

    `heading`: what stands over it, where it is the first of a group; '' otherwise.
    """

    label: str
    pictures: Sequence[Image.Image | None]
    heading: str = ""


def contact_grid(title: str, columns: Sequence[str], rows: Sequence[GridRow], *, cell: int) -> Image.Image:
    """The sheet. `title`: in the corner, which axis is which; `cell`: pixels, at least as large as any picture."""
    font = ImageFont.load_default(size=13)
    wide = max(cell, 48)
    heads = [_lines(label, wide) for label in columns]
    before = [_lines(row.label, 150) for row in rows]
    corner = title.split("\n")
    left = _MARGIN + max(int(font.getlength(line)) for lines in [*before, corner] for line in lines or [""]) + 2 * _GAP
    top = _MARGIN + _LINE_HEIGHT * max(len(corner), *map(len, heads)) + _GAP
    heights = [(2 * _LINE_HEIGHT if row.heading else 0) + cell + _GAP for row in rows]
    sheet = Image.new("RGB", (left + len(columns) * (wide + _GAP) + _MARGIN, top + sum(heights) + _MARGIN), _PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.multiline_text((_MARGIN, _MARGIN), title, _SOFT, font=font)
    for place, lines in enumerate(heads):
        _centred(draw, lines, left + place * (wide + _GAP) + wide // 2, top - _GAP - len(lines) * _LINE_HEIGHT, font)
    for row, lines, height in zip(rows, before, heights, strict=True):
        pictures_top = top + height - cell - _GAP
        if row.heading:
            draw.text((_MARGIN, top + _LINE_HEIGHT - 8), row.heading, _INK, font=font)
        for number, line in enumerate(lines):
            below = pictures_top + (cell - len(lines) * _LINE_HEIGHT) // 2 + number * _LINE_HEIGHT
            draw.text((left - 2 * _GAP - font.getlength(line), below), line, _INK, font=font)
        for place, picture in enumerate(row.pictures):
            x = left + place * (wide + _GAP)
            if picture is None:
                draw.rectangle((x, pictures_top, x + wide - 1, pictures_top + cell - 1), _EMPTY)
            else:
                sheet.paste(picture, (x + (wide - picture.width) // 2, pictures_top + (cell - picture.height) // 2))
        top += height
    return sheet


def drawable(label: str, otherwise: str) -> str:
    """The label, if the font has its letters: it knows those of Western Europe; else what stands for it."""
    return label if label.isprintable() and all(ord(char) < 256 for char in label) else otherwise


def _lines(label: str, width: int) -> list[str]:
    return textwrap.wrap(label, max(4, int(width / _CHAR_WIDTH)), max_lines=_MOST_LINES, placeholder="…")


def _centred(
    draw: ImageDraw.ImageDraw,
    lines: Sequence[str],
    middle: int,
    top: int,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
) -> None:
    for number, line in enumerate(lines):
        draw.text((middle - font.getlength(line) / 2, top + number * _LINE_HEIGHT), line, _INK, font=font)
