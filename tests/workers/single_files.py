"""Transformers as other tools keep theirs in one file: plain, of eight bits with scales, or GGUF."""

from collections.abc import Mapping
from pathlib import Path

import gguf
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor

#: Where a block of each type has its scales in float16 (ggml-common.h): the first byte, and how many there are.
_SCALES = {
    "Q2_K": (80, 2),
    "Q3_K": (108, 1),
    "Q4_K": (0, 2),
    "Q5_K": (0, 2),
    "Q6_K": (208, 1),
    "IQ4_NL": (0, 1),
    "IQ4_XS": (0, 1),
}


def fp8_scaled(tensors: Mapping[str, Tensor], scale_name: str = ".scale_weight") -> dict[str, Tensor]:
    """ComfyUI's way: matrices of the blocks in float8, each beside its scale."""
    made = {"scaled_fp8": torch.empty(0, dtype=torch.float8_e4m3fn)}
    for name, tensor in tensors.items():
        made[name] = tensor
        if _is_matrix(name, tensor):
            scale = tensor.abs().max() / 448
            made[name] = (tensor / scale).to(torch.float8_e4m3fn)
            made[name.removesuffix(".weight") + scale_name] = scale
    return made


def per_row(tensors: Mapping[str, Tensor], dtype: torch.dtype) -> dict[str, Tensor]:
    """LightX2V's way: matrices of the blocks in eight bits, with a scale for each row."""
    made, most = {}, 127 if dtype == torch.int8 else 448
    for name, tensor in tensors.items():
        made[name] = tensor
        if _is_matrix(name, tensor):
            scale = tensor.abs().amax(1, keepdim=True) / most
            made[name] = (tensor / scale).round() if dtype == torch.int8 else tensor / scale
            made[name] = made[name].to(dtype)
            made[f"{name}_scale"] = scale
    return made


def write_safetensors(
    path: Path, tensors: Mapping[str, Tensor], prefix: str = "", metadata: dict[str, str] | None = None
) -> None:
    """A file with that before each name."""
    save_file({prefix + name: tensor for name, tensor in tensors.items()}, path, metadata)


def write_gguf(path: Path, tensors: Mapping[str, Tensor], kind: gguf.GGMLQuantizationType) -> dict[str, Tensor]:
    """ComfyUI's way: matrices quantized where their rows divide into blocks, five dimensions flat beside a shape. Gives
    the numbers that it holds, by the package's own reading.
    """
    writer = gguf.GGUFWriter(path, "wan")
    block, held = gguf.GGML_QUANT_SIZES[kind][0], dict(tensors)
    for name, tensor in tensors.items():
        array = tensor.float().numpy()
        if array.ndim > 4:
            writer.add_array(f"comfy.gguf.orig_shape.{name}", [int(side) for side in array.shape])
            array = array.reshape(array.shape[0], -1)
        elif _is_matrix(name, tensor) and array.shape[1] % block == 0:
            data = gguf.quants.quantize(array, kind)
            held[name] = torch.from_numpy(gguf.quants.dequantize(data, kind).copy())
            writer.add_tensor(name, data, raw_dtype=kind)
            continue
        # As llama.cpp's tools leave it, which quantize what ComfyUI's have written: sides of one in front are gone.
        sides = array.shape if "modulation" in name else array.shape[_ones_before(array.shape) :]
        writer.add_tensor(name, array.astype(np.float32).reshape(sides))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return held


def _ones_before(shape: tuple[int, ...]) -> int:
    return next((place for place, side in enumerate(shape) if side > 1), len(shape) - 1)


def random_blocks(
    shape: tuple[int, int], kind: gguf.GGMLQuantizationType, chance: np.random.Generator
) -> NDArray[np.uint8]:
    """A matrix of that type as its file holds it, of random blocks: the package writes no K-quants, it only reads them.

    Its numbers are such as weights are: each block has its scales in float16, which are made small.
    """
    elements, size = gguf.GGML_QUANT_SIZES[kind]
    blocks = chance.integers(0, 256, (shape[0], shape[1] // elements, size), np.uint8)
    at, count = _SCALES[kind.name]
    for place in range(at, at + 2 * count, 2):
        blocks[..., place : place + 2] = np.frombuffer(np.float16(2e-4 if place == at else 1e-4).tobytes(), np.uint8)
    return blocks.reshape(shape[0], -1)


def write_mixed_gguf(
    path: Path, tensors: Mapping[str, Tensor], kind: gguf.GGMLQuantizationType, plain: gguf.GGMLQuantizationType
) -> dict[str, Tensor]:
    """A file as people download them (Q4_K_M and the like): matrices of the blocks of one type, some of their values
    in Q6_K, all else of the type `plain`, vectors in float32 and five dimensions flat beside a shape. Gives the numbers
    that it holds, by the package's own reading.
    """
    writer, chance, held = gguf.GGUFWriter(path, "wan"), np.random.default_rng(3), {}
    for name, tensor in tensors.items():
        array = tensor.float().numpy()
        if _is_matrix(name, tensor):
            own = gguf.GGMLQuantizationType.Q6_K if name.endswith(".v.weight") else kind
            data = random_blocks((array.shape[0], array.shape[1]), own, chance)
        else:
            own = gguf.GGMLQuantizationType.F32 if "modulation" in name else plain
            if array.ndim > 4:
                writer.add_array(f"comfy.gguf.orig_shape.{name}", [int(side) for side in array.shape])
                array = array.reshape(array.shape[0], -1)
            data = gguf.quants.quantize(array, own)
        writer.add_tensor(name, data, raw_dtype=own)
        held[name] = torch.from_numpy(gguf.quants.dequantize(data, own).copy()).view(tensor.shape)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return held


def _is_matrix(name: str, tensor: Tensor) -> bool:
    parts = ("blocks.", "vace_blocks.", "face_", "motion_encoder.")
    return name.startswith(parts) and name.endswith(".weight") and tensor.ndim == 2
