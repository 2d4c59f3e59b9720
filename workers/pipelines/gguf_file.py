"""GGUF files: weights in blocks that share scales, Q4 to Q8."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers.models.model_loading_utils import load_gguf_checkpoint
from torch import Tensor, nn

#: GGUF has four dimensions at most. ComfyUI's tools store a weight of five (a patch embedding of clips) with fewer, and
#: its shape under this key and the weight's name.
_SHAPE = "comfy.gguf.orig_shape."


def read_gguf(place: Path) -> dict[str, Tensor]:
    """The tensors of a file by name, quantized as they are, in the shapes that they had before they were stored."""
    from gguf import GGMLQuantizationType, GGUFReader

    tensors: dict[str, Tensor] = {
        name: _plain(tensor) if getattr(tensor, "quant_type", None) == GGMLQuantizationType.BF16 else tensor
        for name, tensor in load_gguf_checkpoint(str(place)).items()
    }
    for key, field in GGUFReader(place).fields.items():
        name = key.removeprefix(_SHAPE)
        if name != key and name in tensors:
            tensors[name] = tensors[name].reshape([int(side) for side in field.contents()])
    return tensors


def suit_gguf(tensors: Mapping[str, Tensor], model: Any) -> dict[str, Tensor]:
    """The tensors as the model's parts take them: quantized only where a linear layer computes with them, and with the
    sides of one in front of a shape that ggml forgets.

    Tools quantize all matrices, those of other layers among them (the encoder of faces of Wan Animate), where the
    library would compute with the bytes.
    """
    from diffusers.quantizers.gguf.utils import dequantize_gguf_tensor

    linear = {f"{name}.weight" for name, part in model.named_modules() if isinstance(part, nn.Linear)}
    suited = {}
    for name, wanted in model.state_dict().items():
        tensor = tensors[name]
        if hasattr(tensor, "quant_type"):
            tensor = tensor if name in linear else dequantize_gguf_tensor(tensor)
        elif _squeezed(tensor) == _squeezed(wanted):
            tensor = tensor.reshape(wanted.shape)
        suited[name] = tensor
    return suited


def _squeezed(tensor: Tensor) -> list[int]:
    return [side for side in tensor.shape if side > 1]


def _plain(tensor: Tensor) -> Tensor:
    """Numbers in bfloat16 of what the library takes for quantized: of those it computes with matrices alone, while
    files have convolutions and vectors in bfloat16, too.
    """
    held: Tensor = tensor.as_tensor()  # type: ignore[attr-defined]
    return held.view(torch.bfloat16)
