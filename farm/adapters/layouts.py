"""What the tensors of a LoRA file are to each other: the layers that it changes, whatever program wrote it.

Only names, dtypes and shapes are looked at, so no torch is needed. Which layer of which model is meant:
`farm.adapters.fit`.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import NoReturn

#: Larger ranks are whole models in disguise.
MOST_RANK = 512
FLOATS = frozenset({"F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2"})

#: How a tensor's name ends → what it is of its layer.
_ENDS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(end), part)
    for end, part in (
        (r"[._](?:lora_A|lora_down|lora\.down)(?:\.[\w-]+)?\.weight$", "down"),
        (r"[._](?:lora_B|lora_up|lora\.up)(?:\.[\w-]+)?\.weight$", "up"),
        (r"[._](?:lora_B|lora_up|lora\.up)(?:\.[\w-]+)?\.bias$", "up_bias"),  # scaled with its half
        (r"\.lora_mid\.weight$", "mid"),
        (r"[._]alpha$", "alpha"),
        (r"\.lora_magnitude_vector(?:\.[\w-]+)?(?:\.weight)?$", "magnitude"),  # DoRA in PEFT's words
        (r"\.dora_scale$", "magnitude"),  # and in LyCORIS'
        (r"\.diff$", "diff"),  # added to a weight as it is
        (r"\.diff_b$", "diff_b"),  # added to a bias as it is
        (r"\.diff_m$", "diff_m"),  # added to a table of modulations
        *((rf"\.{part}$", part) for part in ("lokr_w1", "lokr_w1_a", "lokr_w1_b")),
        *((rf"\.{part}$", part) for part in ("lokr_w2", "lokr_w2_a", "lokr_w2_b", "lokr_t2")),
        (r"\.hada_[wt][12](?:_[ab])?$", "hada"),
    )
)
#: Changes that do nothing where they are all zeros, as step-distilled files have them for norms.
_ADDED = ("diff", "diff_b", "diff_m")


@dataclass(frozen=True)
class HeaderTensor:
    """A tensor as the header of a file has it. `dtype` in the spelling of safetensors."""

    name: str
    dtype: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Its numbers."""
        return prod(self.shape)


@dataclass(frozen=True)
class FileLayer:
    """One layer that a file changes: its name there without the end, and its tensors by what they are."""

    path: str
    parts: Mapping[str, HeaderTensor] = field(default_factory=dict)

    @property
    def first(self) -> str:
        """The name of its first tensor."""
        return next(iter(self.parts.values())).name

    @property
    def rank(self) -> int:
        """Rows of the lower half; 0: it has none."""
        return self.parts["down"].shape[0] if "down" in self.parts else 0


class NoLora(ValueError):
    """A file is no LoRA, or a broken one; the message names the tensor."""


def read_layers(tensors: Iterable[HeaderTensor], is_zero: Callable[[str], bool]) -> list[FileLayer]:
    """The layers of a file in its order. `is_zero`: whether the tensor of that name holds nothing but zeros.

    Raises NoLora for what holds no LoRA, or one that cannot be whole.
    """
    found: dict[str, dict[str, HeaderTensor]] = {}
    strange = None
    for tensor in tensors:
        path, part = _part(tensor.name)
        if not part:
            strange = strange or tensor.name
        elif not (part in _ADDED and is_zero(tensor.name)):
            parts = found.setdefault(path, {})
            if part in parts and part != "hada":
                _refuse(f"holds {parts[part].name!r} and {tensor.name!r}: one layer twice")
            parts[part] = tensor
            _check_dtype(part, tensor)
    if strange is not None:
        _refuse(
            f"holds {strange[:120]!r}, which is no part of a LoRA (lora_A, lora_B, lora_down, lora_up, alpha, diff_b, "
            "dora_scale, lokr_w1 and such)"
        )
    layers = [FileLayer(path, parts) for path, parts in found.items() if parts.keys() != {"alpha"}]
    if not layers:
        _refuse("holds no LoRA layers (names that end with lora_A.weight or lora_down.weight)")
    for layer in layers:
        _check_halves(layer)
    return layers


def _part(name: str) -> tuple[str, str]:
    """The layer that a tensor belongs to, and what it is of it; empty where it is nothing."""
    for end, part in _ENDS:
        if found := end.search(name):
            return name[: found.start()], part
    return name, ""


def _check_dtype(part: str, tensor: HeaderTensor) -> None:
    if part == "alpha":
        if tensor.size != 1:
            _refuse(f"holds {tensor.name[:120]!r} with {tensor.size:,} numbers; a scale is one")
    elif tensor.dtype not in FLOATS:
        _refuse(f"holds {tensor.name[:120]!r} as {tensor.dtype}, and it must be a matrix of floats")


def _check_halves(layer: FileLayer) -> None:
    parts = layer.parts
    down, up = parts.get("down"), parts.get("up")
    if (down is None) != (up is None):
        _refuse(f"has only one half of the layer {layer.path[:120]!r}; a LoRA has two for each")
    if down is None or up is None:
        return
    if len(down.shape) < 2 or len(up.shape) < 2 or down.shape[0] != up.shape[1]:
        _refuse(
            f"the halves of the layer {layer.path[:120]!r} do not fit each other: {list(down.shape)} and "
            f"{list(up.shape)}"
        )
    if down.shape[0] > MOST_RANK:
        _refuse(f"has rank {down.shape[0]}, and at most {MOST_RANK} is accepted")


def _refuse(message: str) -> NoReturn:
    raise NoLora(message)
