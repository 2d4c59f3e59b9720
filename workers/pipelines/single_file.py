"""A transformer from one file, as other tools keep it: safetensors, also of eight bits with scales, or GGUF.

How it is built is said by the config.json of its folder, never guessed from the weights: the library's own detection
takes one size of a model for another. All weights must be there and no others.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import diffusers
import torch
from accelerate import init_empty_weights
from diffusers.loaders.single_file_model import SINGLE_FILE_LOADABLE_CLASSES
from torch import Tensor

from workers.model_files.selection import GGUF
from workers.model_files.weights import BadWeights
from workers.pipelines.gguf_file import read_gguf, suit_gguf
from workers.pipelines.scaled_weights import read_scaled
from workers.pipelines.weight_names import under_own_names


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
    if place.suffix == GGUF:
        return _load_gguf(folder, component, place, dtype, model, config)
    tensors = under_own_names(read_scaled(place, dtype), model, config, place)
    _check_shapes(tensors, model, place)
    kept = set(kind._keep_in_fp32_modules or ())
    # Copied, since what lies in the mapped file is aligned as its header's length has it: other last bits on a CPU.
    cast = {
        name: tensor.to(torch.float32 if kept & set(name.split(".")) else dtype, copy=True)
        for name, tensor in tensors.items()
    }
    model.load_state_dict(cast, strict=True, assign=True)
    return model


def _load_gguf(
    folder: Path, component: str, place: Path, dtype: torch.dtype, model: Any, config: Mapping[str, Any]
) -> Any:
    if type(model).__name__ not in SINGLE_FILE_LOADABLE_CLASSES:
        raise BadWeights(f"{place}: diffusers reads no GGUF of a {type(model).__name__}; take safetensors")
    tensors = suit_gguf(under_own_names(read_gguf(place), model, config, place), model)
    _check_shapes(tensors, model, place)
    return type(model).from_single_file(
        tensors,
        config=str(folder),
        subfolder=component,
        dtype=dtype,
        quantization_config=diffusers.GGUFQuantizationConfig(compute_dtype=dtype),
        local_files_only=True,
    )


def _check_shapes(tensors: Mapping[str, Tensor], model: Any, place: Path) -> None:
    for name, wanted in model.state_dict().items():
        seen = tuple(getattr(tensors[name], "quant_shape", tensors[name].shape))
        if seen != tuple(wanted.shape):
            raise BadWeights(
                f"{place} is of another size than its config.json: {name} is {seen} and should be {tuple(wanted.shape)}"
            )
