"""The graph that ComfyUI writes into each picture it saves as PNG."""

import struct
import zlib
from io import BytesIO
from typing import Any

from PIL.PngImagePlugin import PngImageFile

from farm.comfyui.workflow.graph import NotAWorkflow

PNG = b"\x89PNG\r\n\x1a\n"
#: What ran, in the API format; else the canvas, of which more may have run or less.
_TEXTS = ("prompt", "workflow")
#: ComfyUI writes the graph before the picture. What other programs have moved behind it is found up to this size.
_UNPACKED_PIXELS = 100_000_000


def embedded_workflow(picture: bytes) -> str:
    """The text of the graph that made a picture. Raises NotAWorkflow: there is none in it."""
    try:
        # Opened as such: `Image.open` refuses what is large, and it is not unpacked here.
        with PngImageFile(BytesIO(picture)) as image:
            texts: dict[Any, Any] = dict(image.info)
            if not any(map(texts.get, _TEXTS)) and image.width * image.height <= _UNPACKED_PIXELS:
                texts |= image.text  # also those behind the picture
    except (OSError, ValueError, SyntaxError, EOFError, struct.error, zlib.error):  # broken, or too much text
        raise NotAWorkflow("This picture cannot be read; save it from ComfyUI again.") from None
    for name in _TEXTS:
        if texts.get(name):
            return str(texts[name])
    raise NotAWorkflow("No graph of ComfyUI is in this picture; many sites take it out of what they show.")
