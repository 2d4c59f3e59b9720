"""The graph that ComfyUI writes into each picture it saves as PNG."""

from io import BytesIO

from PIL import Image, UnidentifiedImageError

from farm.comfyui.workflow.graph import NotAWorkflow

PNG = b"\x89PNG\r\n\x1a\n"
#: What ran, in the API format; else the canvas, of which more may have run or less.
_TEXTS = ("prompt", "workflow")


def embedded_workflow(picture: bytes) -> str:
    """The text of the graph that made a picture. Raises NotAWorkflow: there is none in it."""
    try:
        with Image.open(BytesIO(picture), formats=("PNG",)) as image:
            texts = dict(getattr(image, "text", {}))
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError):  # broken, or texts beyond all measure
        raise NotAWorkflow("This picture cannot be read; save it from ComfyUI again.") from None
    for name in _TEXTS:
        if texts.get(name):
            return str(texts[name])
    raise NotAWorkflow("No graph of ComfyUI is in this picture; many sites take it out of what they show.")
