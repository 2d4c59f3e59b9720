"""The scorers `flicker` and `smoothness`: how evenly a clip goes from frame to frame."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workers.outputs.encode import Pixels
from workers.outputs.plugins import CannotScore


class Flicker:
    """How little each frame differs from the one before it: 1 for a clip that stands still, 0 for black and white.

    1 - mean(|frame - frame before|) / 255, over all frames, pixels and channels: 'temporal flickering' of VBench
    (Z. Huang et al., CVPR 2024). Movement counts too, so compare only clips of the same kind.
    """

    def __call__(self, pixels: Pixels, parameters: Mapping[str, Any]) -> float:
        """pixels: (frames, height, width, 3), two frames at the least. Raises CannotScore."""
        frames = _frames(pixels, least=2)
        steps = [np.abs(second - first).mean() for first, second in pairwise(frames)]
        return 1 - float(np.mean(steps)) / 255


class Smoothness:
    """How near each frame is to the mean of its two neighbours: 1 for a clip that stands still or only fades.

    1 - mean(|frame - (frame before + frame behind) / 2|) / 255. VBench's 'motion smoothness' asks the same of a model
    that interpolates frames; the mean needs none, and blames quick movement a little.
    """

    def __call__(self, pixels: Pixels, parameters: Mapping[str, Any]) -> float:
        """pixels: (frames, height, width, 3), three frames at the least. Raises CannotScore."""
        frames = _frames(pixels, least=3)
        off = [
            np.abs(frames[place] - (frames[place - 1] + frames[place + 1]) / 2).mean()
            for place in range(1, len(frames) - 1)
        ]
        return 1 - float(np.mean(off)) / 255


def _frames(pixels: Pixels, least: int) -> list[NDArray[np.float32]]:
    """Each frame with room for differences. Raises CannotScore for a picture, and for a clip that is too short."""
    if pixels.ndim != 4:
        raise CannotScore("it is a picture; this scorer looks at clips")
    if len(pixels) < least:
        raise CannotScore(f"it has {len(pixels)} frames; this scorer needs at least {least}")
    return [frame.astype(np.float32) for frame in pixels]
