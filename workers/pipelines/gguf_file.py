"""GGUF files: weights in blocks that share scales, Q4 to Q8."""

from pathlib import Path

from diffusers.models.model_loading_utils import load_gguf_checkpoint
from torch import Tensor

#: GGUF has four dimensions at most. ComfyUI's tools store a weight of five (a patch embedding of clips) with fewer, and
#: its shape under this key and the weight's name.
_SHAPE = "comfy.gguf.orig_shape."


def read_gguf(place: Path) -> dict[str, Tensor]:
    """The tensors of a file by name, quantized as they are, in the shapes that they had before they were stored."""
    from gguf import GGUFReader

    tensors: dict[str, Tensor] = load_gguf_checkpoint(str(place))
    for key, field in GGUFReader(place).fields.items():
        name = key.removeprefix(_SHAPE)
        if name != key and name in tensors:
            tensors[name] = tensors[name].reshape([int(side) for side in field.contents()])
    return tensors
