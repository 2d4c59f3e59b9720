"""How the weights of a component are held: what each quantization needs of the machine, and how diffusers is told.

torchao: int8 and fp8 (of the weights only, or of the activations too), nvfp4. bitsandbytes: nf4. fp8-cast is
diffusers' layerwise casting: weights stored in float8 and cast to the model's dtype as each layer is used.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import torch

from farm.catalog.pool import PoolEntry, Quantization
from farm.catalog.schema import ModelEntry


class PrecisionFailed(ValueError):
    """This machine cannot hold the weights as its pool says; the message says what is missing and what would do."""


@dataclass(frozen=True)
class Demand:
    """What a quantization needs: a package, and a CUDA device of at least this compute capability."""

    package: str | None = None
    capability: tuple[int, int] | None = None  # none: any device, the CPU too


DEMANDS: dict[Quantization, Demand] = {
    "int8": Demand("torchao"),
    "int8-dynamic": Demand("torchao"),
    "fp8": Demand("torchao"),
    "fp8-dynamic": Demand("torchao", (8, 9)),
    "fp8-cast": Demand(),
    "nf4": Demand("bitsandbytes", (6, 0)),
    "nvfp4": Demand("torchao", (10, 0)),
}
_GENERATIONS = {(6, 0): "Pascal", (8, 9): "Ada, Hopper", (10, 0): "Blackwell"}
_EXTRAS = {"torchao": "latent-farm[quantization]", "bitsandbytes": "latent-farm[nf4]"}


def check_hardware(pool: PoolEntry, device: torch.device) -> None:
    """Raise PrecisionFailed unless this machine can hold the weights as the pool says. Reads no weights."""
    for component, quantization in pool.quantization.items():
        demand = DEMANDS[quantization]
        where = f"pool '{pool.name}' holds the {component.replace('_', ' ')} in {quantization}, which needs"
        if demand.capability is not None:
            _check_capability(where, demand.capability, device)
        if demand.package is not None and find_spec(demand.package) is None:
            raise PrecisionFailed(f"{where} the package {demand.package}: pip install '{_EXTRAS[demand.package]}'")


def _check_capability(where: str, needed: tuple[int, int], device: torch.device) -> None:
    name = f"compute capability {needed[0]}.{needed[1]} ({_GENERATIONS[needed]} or newer)"
    if device.type != "cuda":
        anywhere = ", ".join(name for name, demand in DEMANDS.items() if demand.capability is None)
        raise PrecisionFailed(f"{where} a CUDA device of {name}, and the device is {device}; {anywhere} run anywhere")
    found = torch.cuda.get_device_capability(device)
    if found < needed:
        raise PrecisionFailed(
            f"{where} {name}, and {torch.cuda.get_device_name(device)} has {found[0]}.{found[1]}; "
            f"{_instead(found)} run on it"
        )


def _instead(found: tuple[int, int]) -> str:
    return ", ".join(name for name, demand in DEMANDS.items() if (demand.capability or (0, 0)) <= found)


def precision_of(entry: ModelEntry, pool: PoolEntry | None) -> str:
    """The precision as a manifest records it: 'bf16', or 'bf16, transformer int8'."""
    held = sorted((pool.quantization if pool else {}).items())
    return ", ".join([entry.precision, *(f"{component} {quantization}" for component, quantization in held)])


def quantization_of(pool: PoolEntry | None, transformers: Sequence[str]) -> dict[str, Quantization]:
    """Part of the pipeline → how it is held: a pool says it of 'the transformer', which may be two experts."""
    asked: Mapping[str, Quantization] = pool.quantization if pool else {}  # type: ignore[assignment]  # its keys
    held = {name: kind for name, kind in asked.items() if name != "transformer"}
    return held | (dict.fromkeys(transformers, asked["transformer"]) if "transformer" in asked else {})


def loading_arguments(quantization: Mapping[str, Quantization]) -> dict[str, Any]:
    """What `from_pretrained` is told, so that weights are quantized as they are read."""
    library = {name: kind for name, kind in quantization.items() if kind != "fp8-cast"}
    if not library:
        return {}
    from diffusers import PipelineQuantizationConfig

    return {"quantization_config": PipelineQuantizationConfig(quant_mapping=_configurations(library))}


def cast_layers(pipeline: Any, quantization: Mapping[str, Quantization]) -> None:
    """Hold the weights in float8 where it says fp8-cast; norms and embeddings of patches keep their dtype."""
    from diffusers.hooks import apply_layerwise_casting

    for component, kind in quantization.items():
        if kind != "fp8-cast":
            continue
        part = getattr(pipeline, component)
        if hasattr(part, "enable_layerwise_casting"):
            part.enable_layerwise_casting(storage_dtype=torch.float8_e4m3fn, compute_dtype=part.dtype)
        else:  # of transformers: its dtype is read from the embeddings, and so is that of what it makes
            apply_layerwise_casting(
                part,
                torch.float8_e4m3fn,
                part.dtype,
                skip_modules_pattern=("norm", r"\.wo$"),  # T5 casts what it gives to `wo` to the dtype of its weights
                skip_modules_classes=(torch.nn.Embedding,),
            )


def restore_zero_rows(pipeline: Any, quantization: Mapping[str, Quantization]) -> None:
    """Rows of zeros are zeros again: torchao 0.18 divides each row by its largest weight, and 0 / 0 is NaN."""
    for component, kind in quantization.items():
        if kind not in ("fp8", "fp8-dynamic"):
            continue
        for weight in getattr(pipeline, component).parameters():
            if type(weight).__name__ == "Float8Tensor":
                weight.qdata.view(torch.uint8).masked_fill_(weight.scale == 0, 0)


def _configurations(held: Mapping[str, Quantization]) -> dict[str, Any]:
    """diffusers' configuration for the transformer, transformers' for the text encoder."""
    import diffusers
    import transformers

    made: dict[str, Any] = {}
    for component, quantization in held.items():
        library = transformers if component == "text_encoder" else diffusers
        if quantization == "nf4":
            made[component] = library.BitsAndBytesConfig(
                load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16
            )
        else:
            made[component] = library.TorchAoConfig(_torchao(quantization))
    return made


def _torchao(quantization: Quantization) -> Any:
    from torchao import quantization as schemes

    if quantization == "nvfp4":
        from torchao.prototype.mx_formats import NVFP4DynamicActivationNVFP4WeightConfig

        return NVFP4DynamicActivationNVFP4WeightConfig()
    if quantization == "fp8-dynamic":
        # With a least value, activations that are all zero, as padding is, become zeros and not NaN.
        return schemes.Float8DynamicActivationFloat8WeightConfig(activation_value_lb=1e-12)
    names = {
        "int8": "Int8WeightOnlyConfig",
        "int8-dynamic": "Int8DynamicActivationInt8WeightConfig",
        "fp8": "Float8WeightOnlyConfig",
    }
    return getattr(schemes, names[quantization])()
