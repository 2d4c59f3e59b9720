"""Sizes: what the model renders for the size that was asked for.

Sana models are trained on a table of sizes ("bins"), one for each aspect ratio. Whatever is asked for is
rendered in the bin of the nearest ratio, scaled to cover the asked size and cropped around the centre.
"""

from dataclasses import dataclass
from functools import cache
from typing import Literal

from farm.catalog.schema import ModelEntry

#: height/width → "HEIGHTxWIDTH" of the 1024 px table; the 512 px table is the half of it.
#: From diffusers 0.42 (pipelines/pixart_alpha ASPECT_RATIO_1024_BIN); a test compares all four tables.
_BINS_1024 = """
0.25 512x2048, 0.28 512x1856, 0.32 576x1792, 0.33 576x1728, 0.35 576x1664, 0.4 640x1600, 0.42 640x1536,
0.48 704x1472, 0.5 704x1408, 0.52 704x1344, 0.57 768x1344, 0.6 768x1280, 0.68 832x1216, 0.72 832x1152,
0.78 896x1152, 0.82 896x1088, 0.88 960x1088, 0.94 960x1024, 1.0 1024x1024, 1.07 1024x960, 1.13 1088x960,
1.21 1088x896, 1.29 1152x896, 1.38 1152x832, 1.46 1216x832, 1.67 1280x768, 1.75 1344x768, 2.0 1408x704,
2.09 1472x704, 2.4 1536x640, 2.5 1600x640, 3.0 1728x576, 4.0 2048x512
"""
#: The same of the 2048 px table (pipelines/pixart_alpha ASPECT_RATIO_2048_BIN); 4096 px is the double.
_BINS_2048 = """
0.25 1024x4096, 0.26 1024x3968, 0.27 1024x3840, 0.28 1024x3712, 0.32 1152x3584, 0.33 1152x3456,
0.35 1152x3328, 0.4 1280x3200, 0.42 1280x3072, 0.48 1408x2944, 0.5 1408x2816, 0.52 1408x2688,
0.57 1536x2688, 0.6 1536x2560, 0.68 1664x2432, 0.72 1664x2304, 0.78 1792x2304, 0.82 1792x2176,
0.88 1920x2176, 0.94 1920x2048, 1.0 2048x2048, 1.07 2048x1920, 1.13 2176x1920, 1.21 2176x1792,
1.29 2304x1792, 1.38 2304x1664, 1.46 2432x1664, 1.67 2560x1536, 1.75 2688x1536, 2.0 2816x1408,
2.09 2944x1408, 2.4 3072x1280, 2.5 3200x1280, 2.89 3328x1152, 3.0 3456x1152, 3.11 3584x1152,
3.62 3712x1024, 3.75 3840x1024, 3.88 3968x1024, 4.0 4096x1024
"""
_TABLES = {512: (_BINS_1024, 0.5), 1024: (_BINS_1024, 1), 2048: (_BINS_2048, 1), 4096: (_BINS_2048, 2)}

Cropper = Literal["diffusers", "farm"]


@dataclass(frozen=True)
class Shape:
    """What the model renders: pixels and frames (1: a still)."""

    width: int
    height: int
    frames: int = 1

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


@cache
def bin_table(bins: int) -> dict[float, Shape]:
    """The sizes of one table (512, 1024, 2048 or 4096) by their nominal height/width."""
    text, scale = _TABLES[bins]
    table = {}
    for line in text.replace("\n", " ").split(", "):
        ratio, size = line.split()
        height, width = (int(int(side) * scale) for side in size.split("x"))
        table[float(ratio)] = Shape(width, height)
    return table


def rendered_shape(entry: ModelEntry, width: int, height: int, frames: int = 1) -> Shape:
    """The shape in which a model renders an asked size: the nearest bin by ratio, or the size itself."""
    if entry.bins is None:
        return Shape(width, height, frames)
    table = bin_table(entry.bins)
    nearest = min(table, key=lambda ratio: abs(ratio - height / width))
    return Shape(table[nearest].width, table[nearest].height, frames)


def scaled_size(rendered: Shape, width: int, height: int) -> tuple[int, int]:
    """To what a rendered picture is scaled before the middle of width x height is cut out of it; both in pixels.

    The size that diffusers scales to, but no side below the one that was asked for.
    """
    scaled_width, scaled_height = _library_scaled(rendered, width, height)
    return max(width, scaled_width), max(height, scaled_height)


def library_crop(rendered: Shape, width: int, height: int) -> tuple[int, int]:
    """The width and height that diffusers itself would cut out of a picture that was asked for as width x height.

    `VaeImageProcessor.resize_and_crop_tensor` of diffusers 0.42 cuts off the fraction of the scaled size, and
    floating point sometimes puts a whole number just below itself. The crop of a side that is a pixel short begins
    at index -1, which is its last pixel, and ends there: of 640x480 one row (640x1) is left, of 960x480 one pixel.
    So it is with 2.36 % of all sizes from 256 to 2048 pixels a side, with the 512 and 1024 px tables.
    """
    if (rendered.width, rendered.height) == (width, height):
        return width, height
    scaled_width, scaled_height = _library_scaled(rendered, width, height)
    return _left_of(scaled_width, width), _left_of(scaled_height, height)


def cropped_by(rendered: Shape, width: int, height: int) -> Cropper | None:
    """Who makes the size that was asked for of what is rendered: the farm, where diffusers' own crop would fail.

    None: it is rendered as it was asked for.
    """
    if (rendered.width, rendered.height) == (width, height):
        return None
    return "diffusers" if library_crop(rendered, width, height) == (width, height) else "farm"


def _library_scaled(rendered: Shape, width: int, height: int) -> tuple[int, int]:
    ratio = max(height / rendered.height, width / rendered.width)
    return int(rendered.width * ratio), int(rendered.height * ratio)


def _left_of(scaled: int, asked: int) -> int:
    begin = (scaled - asked) // 2
    return len(range(scaled)[begin : begin + asked])  # a range is cut as a tensor is, a negative index included


def nearest_multiples(value: int, multiple: int, low: int, high: int) -> list[int]:
    """The legal values around one that is not a multiple: below and above, inside low … high."""
    below = value // multiple * multiple
    return [found for found in (below, below + multiple) if max(low, multiple) <= found <= high]
