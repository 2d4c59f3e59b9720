"""Transformers as other tools keep theirs: one file under the authors' own names, plain, fp8-scaled or GGUF."""

from collections.abc import Mapping
from pathlib import Path

import gguf
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor

#: diffusers' part of a name → Wan's own.
_NAMES = {
    "condition_embedder.time_embedder.linear_1": "time_embedding.0",
    "condition_embedder.time_embedder.linear_2": "time_embedding.2",
    "condition_embedder.text_embedder.linear_1": "text_embedding.0",
    "condition_embedder.text_embedder.linear_2": "text_embedding.2",
    "condition_embedder.time_proj": "time_projection.1",
    "attn1": "self_attn",
    "attn2": "cross_attn",
    ".to_q.": ".q.",
    ".to_k.": ".k.",
    ".to_v.": ".v.",
    ".to_out.0.": ".o.",
    "ffn.net.0.proj": "ffn.0",
    "ffn.net.2": "ffn.2",
    ".norm2.": ".norm3.",
    "proj_out": "head.head",
}

_SANA_NAMES = {
    "transformer_blocks": "blocks",
    "patch_embed.proj": "x_embedder.proj",
    "time_embed.emb.timestep_embedder.linear_1": "t_embedder.mlp.0",
    "time_embed.emb.timestep_embedder.linear_2": "t_embedder.mlp.2",
    "time_embed.linear": "t_block.1",
    "caption_projection.linear_1": "y_embedder.y_proj.fc1",
    "caption_projection.linear_2": "y_embedder.y_proj.fc2",
    "caption_norm": "attention_y_norm",
    "attn1.to_q": "attn.qkv",
    "attn1.to_out.0": "attn.proj",
    "attn2.to_q": "cross_attn.q_linear",
    "attn2.to_k": "cross_attn.kv_linear",
    "attn2.to_out.0": "cross_attn.proj",
    "ff.conv_inverted": "mlp.inverted_conv.conv",
    "ff.conv_depth": "mlp.depth_conv.conv",
    "ff.conv_point": "mlp.point_conv.conv",
    "proj_out": "final_layer.linear",
}
#: What Sana keeps as one matrix, by the first of its parts.
_JOINED = {"attn1.to_q": ("attn1.to_q", "attn1.to_k", "attn1.to_v"), "attn2.to_k": ("attn2.to_k", "attn2.to_v")}

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


def under_sana_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A diffusers transformer of Sana as its authors' own files have it, with what diffusers leaves out of them."""
    named = {"pos_embed": torch.zeros(1), "y_embedder.y_embedding": torch.zeros(1)}
    inner = {part for parts in _JOINED.values() for part in parts[1:]}
    for name, tensor in tensors.items():
        if any(part in name for part in inner):
            continue
        for first, parts in _JOINED.items():
            if first in name:
                tensor = torch.cat([tensors[name.replace(first, part)] for part in parts])
        own = "final_layer.scale_shift_table" if name == "scale_shift_table" else name
        for ours, theirs in _SANA_NAMES.items():
            own = own.replace(ours, theirs)
        named[own] = tensor.contiguous()
    return named


def under_own_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A diffusers transformer of Wan under the names of Wan's own files."""
    named = {}
    for name, tensor in tensors.items():
        own = "head.modulation" if name == "scale_shift_table" else name.replace("scale_shift_table", "modulation")
        for ours, theirs in _NAMES.items():
            own = own.replace(ours, theirs)
        named[own] = tensor.contiguous()
    return named


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


def write_safetensors(path: Path, tensors: Mapping[str, Tensor], prefix: str = "") -> None:
    """A file with that before each name."""
    save_file({prefix + name: tensor for name, tensor in tensors.items()}, path)


def write_gguf(path: Path, tensors: Mapping[str, Tensor], kind: gguf.GGMLQuantizationType) -> None:
    """ComfyUI's way: matrices quantized where their rows divide into blocks, five dimensions flat beside a shape."""
    writer = gguf.GGUFWriter(path, "wan")
    block = gguf.GGML_QUANT_SIZES[kind][0]
    for name, tensor in tensors.items():
        array = tensor.float().numpy()
        if array.ndim > 4:
            writer.add_array(f"comfy.gguf.orig_shape.{name}", [int(side) for side in array.shape])
            array = array.reshape(array.shape[0], -1)
        elif _is_matrix(name, tensor) and array.shape[1] % block == 0:
            writer.add_tensor(name, gguf.quants.quantize(array, kind), raw_dtype=kind)
            continue
        writer.add_tensor(name, array.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


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
    return name.startswith("blocks.") and name.endswith(".weight") and tensor.ndim == 2
