"""How many bytes the weights of a part take, as they are and quantized."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from diffusers.hooks.layerwise_casting import DEFAULT_SKIP_MODULES_PATTERN
from torch import nn

from farm.catalog.pool import Quantization

#: Quantization → (bytes of a weight, bytes of scales for each output row, weights that share one more scale of so
#: many bytes). nf4: one float32 for each 64 weights; nvfp4: one float8 for each 16.
_LINEAR: dict[Quantization, tuple[float, int, float]] = {
    "int8": (1.0, 2, 0.0),
    "int8-dynamic": (1.0, 2, 0.0),
    "fp8": (1.0, 4, 0.0),
    "fp8-dynamic": (1.0, 4, 0.0),
    "nf4": (0.5, 0, 4 / 64),
    "nvfp4": (0.5, 0, 1 / 16),
}


@dataclass(frozen=True)
class Weights:
    """What a part holds: parameters, and bytes of them with its buffers; `block` is its largest repeated block."""

    parameters: int
    size: int
    dtypes: dict[str, int]  # dtype → parameters
    block: int  # bytes
    outside: int  # bytes that belong to no repeated block

    @classmethod
    def of_all(cls, several: Sequence["Weights"]) -> "Weights":
        """Of modules that lie beside each other and take turns to work."""
        dtypes: Counter[str] = Counter()
        for one in several:
            dtypes.update(one.dtypes)
        return cls(
            parameters=sum(one.parameters for one in several),
            size=sum(one.size for one in several),
            dtypes=dict(dtypes),
            block=max(one.block for one in several),
            outside=sum(one.outside for one in several),
        )

    def held_in(self, size: int) -> "Weights":
        """The same in so many bytes, spread evenly: as a file holds them that is quantized already."""
        share = size / self.size
        return replace(self, size=size, block=round(self.block * share), outside=round(self.outside * share))


def weigh(module: nn.Module, quantization: Quantization | None = None) -> Weights:
    """The weights of a module that is on any device, the meta device too."""
    blocks = [block for blocks in module.modules() if isinstance(blocks, nn.ModuleList) for block in blocks]
    sizes = [_bytes(block, quantization) for block in _outermost(module, blocks)]
    whole = _bytes(module, quantization)
    dtypes: Counter[str] = Counter()
    for parameter in module.parameters():
        dtypes[str(parameter.dtype).removeprefix("torch.")] += parameter.numel()
    return Weights(
        parameters=sum(parameter.numel() for parameter in module.parameters()),
        size=whole,
        dtypes=dict(dtypes),
        block=max(sizes, default=whole),
        outside=whole - sum(sizes),
    )


def _outermost(module: nn.Module, blocks: list[nn.Module]) -> list[nn.Module]:
    """Blocks that are in no other block."""
    inner = {id(child) for block in blocks for child in block.modules() if child is not block}
    return [block for block in blocks if id(block) not in inner]


def _bytes(module: nn.Module, quantization: Quantization | None) -> int:
    total = 0.0
    skipped = [
        *DEFAULT_SKIP_MODULES_PATTERN,
        *(getattr(module, "_skip_layerwise_casting_patterns", None) or ()),
        *(getattr(module, "_keep_in_fp32_modules", None) or ()),
    ]
    seen: set[int] = set()
    for name, child in module.named_modules():
        for own, tensor in [*child.named_parameters(recurse=False), *child.named_buffers(recurse=False)]:
            if id(tensor) in seen:  # shared by two modules, held once
                continue
            seen.add(id(tensor))
            if quantization is None:
                total += tensor.nbytes
            elif quantization == "fp8-cast":
                cast = isinstance(child, _CASTABLE) and not any(re.search(pattern, name) for pattern in skipped)
                total += tensor.numel() if cast else tensor.nbytes
            elif own == "weight" and isinstance(child, nn.Linear):
                each, row, shared = _LINEAR[quantization]
                total += tensor.numel() * (each + shared) + tensor.shape[0] * row
            else:
                total += tensor.nbytes
    return round(total)


#: The layers that layerwise casting stores in float8.
_CASTABLE = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d)
