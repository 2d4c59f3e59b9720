"""Weights of eight bits, each times a scale beside it, as ComfyUI, Kijai and LightX2V keep them: numbers again.

A scale is one number for a weight, or one for each of its rows. What a file holds in any other way (blocks with scales
of their own, rotated rows, four bits) is refused by its name: read as this it would be other weights.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from workers.model_files.weights import BadWeights

#: A weight's scale by ComfyUI's names, old and new; the new one is LightX2V's as well.
_SCALES = (".scale_weight", ".weight_scale")
#: Of what a layer is given, for products in float8, which nothing here computes.
_INPUT_SCALES = (".scale_input", ".input_scale")
#: ComfyUI says how a layer is quantized in JSON: beside its weight, or of all layers in the file's header.
_MARK, _MARKS = ".comfy_quant", "_quantization_metadata"
_READ = frozenset({"float8_e4m3fn", "float8_e5m2", "int8_tensorwise"})
_EIGHT_BITS = (torch.float8_e4m3fn, torch.float8_e5m2, torch.int8)
_INSTEAD = "take the file in bfloat16, in float8 with one scale for each weight, or GGUF"


def read_scaled(place: Path, dtype: torch.dtype) -> dict[str, Tensor]:
    """The tensors of a safetensors file by name; a weight beside a scale as numbers, in `dtype`, and no more scales.

    Raises BadWeights where something is quantized in a way that is not read.
    """
    tensors = load_file(place)
    for layer, marks in _marks(place, tensors):
        if marks.get("format") not in _READ or marks.get("convrot"):
            kind = f"{marks.get('format')}{' with rotated rows' if marks.get('convrot') else ''}"
            raise BadWeights(f"{place}: {layer} is quantized as {kind}, which is not read; {_INSTEAD}")
    scales = {
        f"{name.removesuffix(suffix)}.weight": tensor
        for name, tensor in tensors.items()
        for suffix in _SCALES
        if name.endswith(suffix)
    }
    if lost := sorted(scales.keys() - tensors.keys()):
        raise BadWeights(f"{place} has a scale of {lost[0]} and no such weight; {_INSTEAD}")
    plain = {name: tensor for name, tensor in tensors.items() if not _is_beside(name)}
    for name, tensor in plain.items():
        plain[name] = _times(tensor, scales[name], dtype, name, place) if name in scales else tensor
        if not plain[name].is_floating_point():
            raise BadWeights(f"{place}: {name} is {_called(tensor)} without a scale; {_INSTEAD}")
    return plain


def _is_beside(name: str) -> bool:
    """Whether a tensor says something of another, or of the whole file."""
    return name.endswith((*_SCALES, *_INPUT_SCALES, _MARK)) or name.rpartition(".")[2] == "scaled_fp8"


def _marks(place: Path, tensors: Mapping[str, Tensor]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each layer of which the file says how it is quantized, and what it says."""
    with safe_open(place, "pt") as file:
        told = (file.metadata() or {}).get(_MARKS)
    try:
        layers = dict(json.loads(told)["layers"]) if told else {}
        for name, tensor in tensors.items():
            if name.endswith(_MARK):
                layers[name.removesuffix(_MARK)] = json.loads(bytes(tensor.tolist()))
        for layer, said in layers.items():
            yield layer, {"format": said} if isinstance(said, str) else dict(said)
    except (KeyError, TypeError, ValueError) as error:
        raise BadWeights(f"{place} says in no known way how it is quantized ({error}); {_INSTEAD}") from error


def _times(tensor: Tensor, scale: Tensor, dtype: torch.dtype, name: str, place: Path) -> Tensor:
    """The weight as numbers. Raises BadWeights.

    The scale is the largest weight / 448, so that a layer of zeros has 0; ComfyUI's quantizer divides by it and stores
    NaN beside it (comfy-kitchen 0.2.40). Such a layer is zeros again. Any other NaN is refused.
    """
    if tensor.dtype not in _EIGHT_BITS or not scale.is_floating_point():
        raise BadWeights(f"{place}: {name} is {_called(tensor)} beside a scale in {_called(scale)}; {_INSTEAD}")
    if scale.numel() not in (1, len(tensor)):
        raise BadWeights(
            f"{place}: {name} is {tuple(tensor.shape)} and its scale {tuple(scale.shape)}: scales of blocks are not "
            f"read; {_INSTEAD}"
        )
    if not scale.any():
        return torch.zeros_like(tensor, dtype=dtype)
    made = (tensor.float() * scale.float().reshape(-1, *[1] * (tensor.dim() - 1))).to(dtype)
    if made.isnan().any():
        raise BadWeights(f"{place}: {name} holds NaN; quantize the model anew, from bfloat16 or float32")
    return made


def _called(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")
