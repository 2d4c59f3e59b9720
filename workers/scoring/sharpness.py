"""The scorer `sharpness`: the variance of the Laplacian."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workers.outputs.encode import Pixels

#: Luma of red, green and blue in 1/32768, as OpenCV's cvtColor has it (ITU-R BT.601).
_LUMA = np.array([9798, 19235, 3735], np.int32)
_SHIFT = 15


class Sharpness:
    """How strong the edges of a picture are; of a clip, of its frames on average. From 0, without an upper bound.

    J. L. Pech-Pacheco et al., 'Diatom autofocusing in brightfield microscopy', ICPR 2000: the variance of the Laplacian
    of the grey picture. OpenCV gives the same figure: `cv2.Laplacian(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY),
    cv2.CV_64F).var()`.
    """

    def __call__(self, pixels: Pixels, parameters: Mapping[str, Any]) -> float:
        """pixels: (height, width, 3) or (frames, height, width, 3)."""
        frames = pixels if pixels.ndim == 4 else pixels[None]
        return float(np.mean([_laplacian(_grey(frame)).var() for frame in frames]))


def _grey(frame: Pixels) -> NDArray[np.float64]:
    """(height, width), 0 to 255, rounded as OpenCV rounds."""
    levels = (frame.astype(np.int32) @ _LUMA + (1 << (_SHIFT - 1))) >> _SHIFT
    return levels.astype(np.float64)


def _laplacian(grey: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of each pixel: its four neighbours less four times itself. The border is mirrored without the edge itself."""
    wide = np.pad(grey, 1, mode="reflect")
    result: NDArray[np.float64] = wide[:-2, 1:-1] + wide[2:, 1:-1] + wide[1:-1, :-2] + wide[1:-1, 2:] - 4 * grey
    return result
