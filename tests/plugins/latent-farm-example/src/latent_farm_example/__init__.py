"""Three plugins for Latent Farm. Each is a callable of pixels and parameters.

pixels: uint8, (height, width, 3) for a picture or (frames, height, width, 3) for a clip; read-only.
parameters: those of the render: prompt, seed, width, …; a plugin finds there what it was rendered from.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


def frame() -> Callable[[Pixels, Mapping[str, Any]], Pixels]:
    """Makes a post-processor. Whatever takes long (a model, a font) is loaded here, once a worker."""
    colour = np.array([255, 255, 255], np.uint8)

    def draw(pixels: Pixels, parameters: Mapping[str, Any]) -> Pixels:
        framed = pixels.copy()
        edge = max(1, min(parameters["width"], parameters["height"]) // 32)
        for side in (np.s_[..., :edge, :, :], np.s_[..., -edge:, :, :], np.s_[..., :edge, :], np.s_[..., -edge:, :]):
            framed[side] = colour
        return framed

    return draw


class Edges:
    """A scorer: the mean step between neighbouring pixels, in levels. Larger is better."""

    def __call__(self, pixels: Pixels, parameters: Mapping[str, Any]) -> float:
        levels = pixels.astype(np.float32)
        return float(np.abs(np.diff(levels, axis=-2)).mean() + np.abs(np.diff(levels, axis=-3)).mean())


class NoRed:
    """A safety checker that finds pictures too red, as an example of a rule that anybody can see through."""

    def __call__(self, pixels: Pixels, parameters: Mapping[str, Any]) -> str | None:
        red, green, blue = (float(pixels[..., channel].mean()) for channel in range(3))
        return "it is mostly red" if red > 2 * max(green, blue, 1.0) else None
