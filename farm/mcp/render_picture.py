"""A picture of a render as a language model takes it: small enough, and in a format that all of them read."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

from PIL import Image

from farm.client import FarmClient
from farm.client.replies import Render
from farm.errors import NotFound

#: What is looked at, the best first: a clip by its first frame.
_KINDS = ("poster", "output", "draft", "thumbnail")
#: The longest side, in pixels: what models see is scaled to about this anyway.
LONGEST_SIDE = 1024
_QUALITY = 90


def picture_of(farm: FarmClient, render: Render) -> bytes:
    """A JPEG of what is stored of a render. Raises NotFound when nothing is, DownloadIncomplete."""
    stored = {artifact.kind: artifact for artifact in render.artifacts or ()}
    kind = next((kind for kind in _KINDS if kind in stored and stored[kind].content_type.startswith("image/")), None)
    if kind is None:
        raise NotFound(f"There is nothing to look at of render {render.id}: it is {render.status}.")
    with tempfile.TemporaryDirectory(prefix="latent-farm-look-") as folder:
        [path] = farm.download_render(render.id, folder, kinds=(kind,))
        return _small(path)


def _small(path: Path) -> bytes:
    with Image.open(path) as picture:
        shown = picture.convert("RGB")
    shown.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    file = io.BytesIO()
    shown.save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()
