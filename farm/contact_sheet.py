"""Many pictures on one, in rows, each with a line below it; made smaller to fit, never larger."""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from PIL import Image, ImageDraw, ImageFont

#: Pictures of one sheet.
MOST_CELLS = 400
#: By the suffix of the file: Pillow's name of the format, and how it is written.
FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP", ".avif": "AVIF"}
_GAP, _LINE = 12, 20  # pixels between cells; height of the line below a picture
_PAPER, _INK = (24, 24, 27), (212, 212, 216)


@dataclass(frozen=True)
class Cell:
    """One picture, as large as it is to be, and what stands below it."""

    picture: Image.Image
    line: str


def shrunk(file: Path | IO[bytes], edge: int) -> Image.Image:
    """A picture for a cell, of an animation its first frame: at most `edge` pixels wide and high, never enlarged.

    Raises OSError for what is no picture.
    """
    with Image.open(file) as opened:
        picture = opened.convert("RGB")
    picture.thumbnail((edge, edge), Image.Resampling.LANCZOS)
    return picture


def line_below(index: int, *, seed: int | None = None, score: float | None = None, kept: bool | None = None) -> str:
    """What stands below a render: its place in the job, counted from 1, and what is given of the rest."""
    words = [str(index + 1)]
    if seed is not None:
        words.append(f"seed {seed}")
    if score is not None:
        words.append(f"score {figures(score)}" + (" (not kept)" if kept is False else ""))
    return "  ".join(words)


def figures(score: float) -> str:
    """A score as people read it, with four figures: '12.35', '0.3142', '12,346'."""
    return f"{score:,.0f}" if 1000 <= abs(score) < 1e9 else f"{score:.4g}"


def contact_sheet(
    cells: Sequence[Cell], *, columns: int | None = None, least_cell: int = 0, most_width: int | None = None
) -> Image.Image:
    """The sheet: cells as large as the largest picture, from left to right.

    In pixels, `least_cell` is how wide cells are at least, so that their lines fit, and `most_width` how wide a sheet
    of several columns may be. Raises ValueError for none or more than MOST_CELLS.
    """
    if not 0 < len(cells) <= MOST_CELLS:
        raise ValueError(f"a sheet holds 1 to {MOST_CELLS} pictures; seen {len(cells)}")
    pictures = [cell.picture for cell in cells]
    width = max(least_cell, *(picture.width for picture in pictures))
    height = max(picture.height for picture in pictures)
    columns = min(columns or _columns(len(cells), width, height), len(cells))
    if most_width is not None:
        columns = max(1, min(columns, (most_width - _GAP) // (width + _GAP)))
    rows = -(-len(cells) // columns)
    size = (columns * (width + _GAP) + _GAP, rows * (height + _LINE + _GAP) + _GAP)
    sheet = Image.new("RGB", size, _PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=12)
    for place, (picture, cell) in enumerate(zip(pictures, cells, strict=True)):
        left = _GAP + place % columns * (width + _GAP)
        top = _GAP + place // columns * (height + _LINE + _GAP)
        beside = (width - picture.width) // 2
        sheet.paste(picture, (left + beside, top + (height - picture.height) // 2))
        line = _fitting(cell.line, width, font)
        # Below the left edge of its picture, if it has room there.
        line_left = left + max(0, min(beside, width - math.ceil(font.getlength(line))))
        draw.text((line_left, top + height + 4), line, _INK, font=font)
    return sheet


def encode_sheet(sheet: Image.Image, suffix: str, *, quick: bool = False) -> bytes:
    """The bytes of a file with this suffix, one of FORMATS. `quick`: a WebP in a third of the time, somewhat larger."""
    buffer = io.BytesIO()
    sheet.save(buffer, FORMATS[suffix.lower()], quality=90, method=0 if quick else 4)  # WebP alone has a method
    return buffer.getvalue()


def _columns(count: int, width: int, height: int) -> int:
    """So many that the sheet is about as wide as it is high."""
    return max(1, round(math.sqrt(count * (height + _LINE) / width)))


def _fitting(line: str, width: int, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    if font.getlength(line) <= width:
        return line
    while line and font.getlength(line + "…") > width:
        line = line[:-1]
    return line + "…"
