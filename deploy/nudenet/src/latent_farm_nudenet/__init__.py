"""A safety checker that finds nudity with NudeNet 3.4: a YOLO model for 320 x 320 pixels, on the CPU.

It is set by variables of its own, as the farm knows no settings of plugins:

    LATENT_FARM_NUDENET_CLASSES     what is not allowed, with commas; those of DEFAULT_CLASSES
    LATENT_FARM_NUDENET_THRESHOLD   from which score on, 0 to 1; 0.4. The model itself drops what is below 0.25
    LATENT_FARM_NUDENET_FRAMES      how many frames of a clip are looked at, spread over its length; 16
"""

import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

#: All that NudeNet 3.4 tells apart.
CLASSES = frozenset(
    {f"FEMALE_{part}_{state}" for part in ("BREAST", "GENITALIA") for state in ("COVERED", "EXPOSED")}
    | {
        f"{part}_{state}"
        for part in ("BUTTOCKS", "ANUS", "FEET", "BELLY", "ARMPITS")
        for state in ("COVERED", "EXPOSED")
    }
    | {"MALE_BREAST_EXPOSED", "MALE_GENITALIA_EXPOSED", "FACE_FEMALE", "FACE_MALE"}
)
DEFAULT_CLASSES = "FEMALE_BREAST_EXPOSED,FEMALE_GENITALIA_EXPOSED,MALE_GENITALIA_EXPOSED,ANUS_EXPOSED,BUTTOCKS_EXPOSED"
_PREFIX = "LATENT_FARM_NUDENET_"


class NudeNetChecker:
    """Made once a worker. Raises ValueError where its variables are wrong: the worker then does not start."""

    def __init__(self) -> None:
        self._classes = _classes(os.environ.get(f"{_PREFIX}CLASSES") or DEFAULT_CLASSES)
        self._threshold = _number("THRESHOLD", "0.4", 0.0, 1.0)
        self._frames = round(_number("FRAMES", "16", 1, 1000))
        from nudenet import NudeDetector

        self._detector = NudeDetector()

    def __call__(self, pixels: Pixels, parameters: Mapping[str, Any]) -> str | None:
        """What was found, with its score and frame; None: nothing. `pixels` as docs/plugins.md has them."""
        for frame, picture in self._looked_at(pixels):
            # An array is seen as RGB, which is what the model was trained on; a file would be seen as BGR.
            for found in self._detector.detect(np.ascontiguousarray(picture)):
                if found["class"] in self._classes and found["score"] >= self._threshold:
                    what = found["class"].lower().replace("_", " ")
                    where = f" in frame {frame}" if pixels.ndim == 4 else ""
                    return f"NudeNet found {what}{where} (score {found['score']:.2f})"
        return None

    def _looked_at(self, pixels: Pixels) -> Iterator[tuple[int, Pixels]]:
        """Frames by number: all of a short clip, else so many, the first and the last among them."""
        frames = pixels if pixels.ndim == 4 else pixels[None]
        chosen = np.linspace(0, len(frames) - 1, min(len(frames), self._frames))
        for frame in np.unique(chosen.round().astype(int)):
            yield int(frame), frames[frame]


def _classes(text: str) -> frozenset[str]:
    named = frozenset(word.strip().upper() for word in text.split(",") if word.strip())
    if unknown := sorted(named - CLASSES):
        raise ValueError(f"{_PREFIX}CLASSES has {unknown[0]!r}; NudeNet knows {', '.join(sorted(CLASSES))}")
    return named


def _number(name: str, default: str, low: float, high: float) -> float:
    text = os.environ.get(_PREFIX + name) or default
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise ValueError(f"{_PREFIX}{name} must be a number from {low:g} to {high:g}; seen {text!r}")
    return value
