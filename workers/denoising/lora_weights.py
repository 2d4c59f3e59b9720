"""The weights of a LoRA file as peft loads them exactly, whichever program wrote the file.

What changes in each layer: W + weight * (alpha / rank) * up @ down, and its bias + weight * diff_b. diffusers has
converters for some layouts of some pipelines; they leave out in silence what they do not know. Here every tensor is
placed or named (`farm.adapters.fit`), and the scales stay scales: a bf16 file is not rounded by them.
"""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from math import sqrt
from pathlib import Path
from typing import Any
from warnings import catch_warnings, filterwarnings

import torch
from safetensors import safe_open
from torch import Tensor

from farm.adapters.fit import Fit, Placed, Transformer
from farm.adapters.layouts import HeaderTensor, NoLora, read_layers
from farm.transformer_layers import layers_of
from workers.denoising.lora_forms import halves_of, product_of

_METADATA = "lora_adapter_metadata"  # where diffusers keeps the LoraConfig that a file was trained with


class DoesNotFit(ValueError):
    """Nothing of a file, or not all of it, is for this model; the message names a tensor and the reason."""


def load_weights(pipeline: Any, path: str, slot: str, *, partly: bool, component: str = "transformer") -> None:
    """Load the file into a transformer of the pipeline under the name `slot`. `partly`: also where some is left out.

    Raises DoesNotFit before anything is changed, and whatever peft and safetensors raise.
    """
    transformer = getattr(pipeline, component)
    # FSDP puts its name before the class of what it has split.
    layers = layers_of({**transformer.config, "_class_name": type(transformer).__name__.removeprefix("FSDP")})
    with catch_warnings():
        filterwarnings("ignore", message="Already found a `peft_config`")  # several are what is wanted
        filterwarnings("ignore", message="`lora_bias=True` was passed but the targeted layer")  # it is never merged
        # Of Wan VACE `proj_out` is also the end of `vace_blocks.0.proj_out`; which layers are meant, the tensors say.
        filterwarnings("ignore", message="While injecting the PEFT adapters, an inconsistency", category=RuntimeWarning)
        if layers is None:  # of a plugin's family: diffusers may know it
            folder, name = str(Path(path).parent), Path(path).name
            pipeline.load_lora_weights(
                folder, weight_name=name, adapter_name=slot, local_files_only=True, use_safetensors=True
            )
            return
        state, config = read_weights(path, Transformer(layers), partly=partly)
        transformer.load_lora_adapter(
            state, prefix=None, adapter_name=slot, metadata=config, _pipeline=pipeline, low_cpu_mem_usage=True
        )
    own = [value for name, value in transformer.named_parameters() if f".{slot}." in f"{name}."]
    if len(own) != len(state) or any(value.is_meta for value in own):
        raise DoesNotFit(f"peft made {len(own)} tensors of the {len(state)} that it was given")


def read_weights(
    path: str, transformer: Transformer, *, partly: bool
) -> tuple[dict[str, Tensor], dict[str, Any] | None]:
    """The state dict in PEFT's names, and the LoraConfig as keywords; None: diffusers reads it off the tensors (LoKr).

    Raises DoesNotFit.
    """
    with safe_open(path, "pt", device="cpu") as file:
        header = []
        for name in file.keys():  # noqa: SIM118  (no mapping)
            part = file.get_slice(name)
            header.append(HeaderTensor(name, part.get_dtype(), tuple(part.get_shape())))
        try:
            layers = read_layers(header, lambda name: not file.get_tensor(name).any())
        except NoLora as error:
            raise DoesNotFit(str(error)) from error
        fit = transformer.fit(layers)
        _check(fit, partly)
        trained = _trained_with(file.metadata() or {})
        tensors = {
            one.layer.path: {part: _float(file.get_tensor(tensor.name)) for part, tensor in one.layer.parts.items()}
            for one in fit.placed
        }
    if fit.placed[0].form == "lokr":
        state = dict[str, Tensor]()
        for one in fit.placed:
            state |= product_of(one.targets[0], tensors[one.layer.path])
        return state, None
    return _as_lora(fit.placed, tensors, transformer, trained)


def _check(fit: Fit, partly: bool) -> None:
    if not fit.left_out or (fit.placed and partly):
        return
    if not fit.placed:
        raise DoesNotFit(f"none of its {fit.layers} layers is for this model: {fit.left_out[0]}")
    raise DoesNotFit(
        f"{len(fit.placed)} of its {fit.layers} layers are for this model, and allow_partial was not given: "
        f"{fit.left_out[0]}"
    )


def _float(tensor: Tensor) -> Tensor:
    """8-bit floats have no arithmetic, and scales may be whole numbers; all others stay as the file has them."""
    known = tensor.is_floating_point() and tensor.element_size() > 1
    return tensor if known else tensor.to(torch.float32)


def _as_lora(
    placed: Sequence[Placed],
    tensors: Mapping[str, Mapping[str, Tensor]],
    transformer: Transformer,
    trained: Mapping[str, Any],
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    state = dict[str, Tensor]()
    ranks, scales = dict[str, int](), dict[str, float]()
    biased = any(part in own for own in tensors.values() for part in ("diff_b", "up_bias"))
    for one in placed:
        own = tensors[one.layer.path]
        begin = 0
        for target in one.targets:
            shape = transformer.layers[target].shape
            scale = _scale(target, own, trained)
            made = halves_of(own, slice(begin, begin + shape[0]), shape, scale, biased=biased)
            state |= {f"{target}.{name}": value for name, value in made.state.items()}
            ranks[target], scales[target] = made.rank, made.scale
            begin += shape[0]
    return state, _config(ranks, scales, biased, dora=any("magnitude" in own for own in tensors.values()))


def _config(ranks: Mapping[str, int], scales: Mapping[str, float], biased: bool, dora: bool) -> dict[str, Any]:
    """Keywords of peft's LoraConfig. Its alpha is divided by the rank again as the layer is made."""
    alphas = {name: scales[name] * rank for name, rank in ranks.items()}
    rank, alpha = (Counter(values.values()).most_common(1)[0][0] for values in (ranks, alphas))
    return {
        "r": rank,
        "lora_alpha": alpha,
        # Keys are patterns that also match behind a dot: only the whole name is meant.
        "rank_pattern": {f"^{re.escape(name)}": own for name, own in ranks.items() if own != rank},
        "alpha_pattern": {f"^{re.escape(name)}": own for name, own in alphas.items() if own != alpha},
        "target_modules": list(ranks),
        "use_dora": dora,
        "lora_bias": biased,
    }


def _scale(target: str, own: Mapping[str, Tensor], trained: Mapping[str, Any]) -> float:
    """What the product of the halves is multiplied by: alpha / rank; 1 where the file has no alpha."""
    if "down" not in own:
        return 1.0
    rank = own["down"].shape[0]
    if "alpha" in own:
        return float(own["alpha"].item()) / rank
    if "lora_alpha" not in trained:
        return 1.0
    own_alphas = [alpha for pattern, alpha in (trained.get("alpha_pattern") or {}).items() if _means(pattern, target)]
    alpha = float(own_alphas[0] if own_alphas else trained["lora_alpha"])
    return alpha / sqrt(rank) if trained.get("use_rslora") else alpha / rank


def _means(pattern: str, target: str) -> bool:
    """Whether a pattern of a LoraConfig is for this layer: it is the end of its name, or behind ^ all of it.

    Patterns of others are not run: they can take for ever.
    """
    name = pattern.removeprefix("^").replace("\\.", ".")
    if not re.fullmatch(r"[\w.]+", name):
        raise DoesNotFit(f"its alpha_pattern {pattern[:80]!r} is no layer's name")
    return target == name if pattern.startswith("^") else f".{target}".endswith(f".{name}")


def _trained_with(metadata: Mapping[str, str]) -> dict[str, Any]:
    """The LoraConfig that diffusers wrote beside the tensors of the transformer; empty where none is."""
    if _METADATA not in metadata:
        return {}
    try:
        told = json.loads(metadata[_METADATA])
        return {str(name).removeprefix("transformer."): value for name, value in told.items()}
    except (ValueError, AttributeError) as error:
        raise DoesNotFit(f"its {_METADATA} is no JSON object") from error
