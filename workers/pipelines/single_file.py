"""A transformer from one file, as other tools keep it: safetensors, also fp8-scaled, or GGUF.

How it is built is said by the config.json of its folder, never guessed from the weights: the library's own detection
takes one size of a model for another. Names that other tools use are made diffusers' own by the library's converters.
All weights must be there and no others: the library drops what it does not know with a warning, fp8 scales among it.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import diffusers
import torch
from accelerate import init_empty_weights
from diffusers.loaders.single_file_model import SINGLE_FILE_LOADABLE_CLASSES
from safetensors.torch import load_file
from torch import Tensor

from workers.model_files.selection import GGUF
from workers.model_files.weights import BadWeights
from workers.pipelines.gguf_file import read_gguf

#: What tools put before all names of a transformer.
_PREFIXES = ("model.diffusion_model.", "diffusion_model.", "transformer.")
#: The scale of an fp8 weight by ComfyUI's names, old and new, and marks beside them.
_SCALES = (".scale_weight", ".weight_scale")
_MARKS = (".scale_input", ".input_scale", ".comfy_quant")


def load_single_file(folder: Path, component: str, path: str, dtype: torch.dtype) -> Any:
    """The component of a model's folder with the weights of one file, on the CPU.

    What the class keeps in float32 stays there, as `from_pretrained` does it; weights of a GGUF file stay quantized.

    Raises BadWeights when the file does not fit the configuration.
    """
    place = folder / path
    config = json.loads((folder / component / "config.json").read_text(encoding="utf-8"))
    kind = getattr(diffusers, config["_class_name"])
    with init_empty_weights(include_buffers=False):
        model = kind.from_config(config)
    tensors = read_gguf(place) if place.suffix == GGUF else _unscale(load_file(place), dtype, place)
    tensors = _with_own_names(tensors, model, config, place)
    if place.suffix == GGUF:
        return kind.from_single_file(
            tensors,
            config=str(folder),
            subfolder=component,
            dtype=dtype,
            quantization_config=diffusers.GGUFQuantizationConfig(compute_dtype=dtype),
            local_files_only=True,
        )
    kept = set(kind._keep_in_fp32_modules or ())
    _check_shapes(tensors, model, place)
    # Copied, since what lies in the mapped file is aligned as its header's length has it: other last bits on a CPU.
    cast = {
        name: tensor.to(torch.float32 if kept & set(name.split(".")) else dtype, copy=True)
        for name, tensor in tensors.items()
    }
    model.load_state_dict(cast, strict=True, assign=True)
    return model


def _with_own_names(
    tensors: dict[str, Tensor], model: Any, config: Mapping[str, Any], place: Path
) -> dict[str, Tensor]:
    """The tensors by diffusers' own names, which are exactly those of the model. Raises BadWeights."""
    for prefix in _PREFIXES:
        if any(name.startswith(prefix) for name in tensors):
            # Others than those with the prefix are other parts of the same checkpoint: text encoder, VAE.
            tensors = {name.removeprefix(prefix): found for name, found in tensors.items() if name.startswith(prefix)}
            break
    wanted = set(model.state_dict())
    if not wanted <= set(tensors):
        known = SINGLE_FILE_LOADABLE_CLASSES.get(type(model).__name__)
        if known is None:
            raise BadWeights(f"{place}: nothing here can convert a {type(model).__name__} from another tool's names")
        try:
            tensors = known["checkpoint_mapping_fn"](config=config, checkpoint=dict(tensors))
        except (KeyError, IndexError, ValueError) as error:
            raise BadWeights(f"{place} is no {type(model).__name__}: {type(error).__name__}: {error}") from error
    missing, foreign = sorted(wanted - set(tensors)), sorted(set(tensors) - wanted)
    if missing or foreign:
        said = [f"lacks {len(missing)} weights, as {missing[0]}"] if missing else []
        said += [f"has {len(foreign)} that are not in it, as {foreign[0]}"] if foreign else []
        raise BadWeights(f"{place} is not the {type(model).__name__} of its config.json: it {' and '.join(said)}")
    return tensors


def _check_shapes(tensors: Mapping[str, Tensor], model: Any, place: Path) -> None:
    for name, wanted in model.state_dict().items():
        if tensors[name].shape != wanted.shape:
            seen, asked = tuple(tensors[name].shape), tuple(wanted.shape)
            raise BadWeights(f"{place} is of another size than its config.json: {name} is {seen} and should be {asked}")


def _unscale(tensors: dict[str, Tensor], dtype: torch.dtype, place: Path) -> dict[str, Tensor]:
    """ComfyUI's fp8-scaled weights as numbers again: each times the scale beside it, in `dtype`.

    The scale is the largest weight / 448, so that a layer of zeros has 0; ComfyUI's quantizer divides by it and stores
    NaN beside it (comfy-kitchen 0.2.40). Such a layer is zeros again. Raises BadWeights for any other NaN.
    """
    scales = {
        name.removesuffix(suffix): tensor
        for name, tensor in tensors.items()
        for suffix in _SCALES
        if name.endswith(suffix)
    }
    plain: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if name.endswith((*_SCALES, *_MARKS)) or name.rpartition(".")[2] == "scaled_fp8":
            continue
        scale = scales.get(name.removesuffix(".weight")) if name.endswith(".weight") else None
        plain[name] = tensor if scale is None else _times(tensor, scale, dtype)
        if scale is not None and plain[name].isnan().any():
            raise BadWeights(f"{place}: {name} holds NaN; quantize the model anew, from bfloat16 or float32")
    return plain


def _times(tensor: Tensor, scale: Tensor, dtype: torch.dtype) -> Tensor:
    if not scale.any():
        return torch.zeros_like(tensor, dtype=dtype)
    return (tensor.float() * scale.float()).to(dtype)
