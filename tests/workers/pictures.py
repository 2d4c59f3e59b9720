"""Pictures for renders that start from one or follow one."""

import tempfile
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

_FOLDER = tempfile.TemporaryDirectory(prefix="farm-pictures-")


@cache
def picture_file(number: int = 0) -> str:
    """A PNG of 48 x 40 pixels with large shapes and noise, another one for each number."""
    random = np.random.default_rng(number)
    coarse = np.kron(random.integers(0, 200, (5, 6, 3)), np.ones((8, 8, 1)))
    pixels = (coarse + random.integers(0, 55, coarse.shape)).astype(np.uint8)
    path = Path(_FOLDER.name) / f"{number}.png"
    Image.fromarray(pixels).save(path)
    return str(path)


def picture_ref(number: int = 0) -> dict[str, str]:
    """What a render's parameters say of it."""
    return {"id": f"picture-{number}", "key": f"inputs/{number}.png", "sha256": f"{number:064x}"}
