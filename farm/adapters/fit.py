"""Which layers of a LoRA file one model can take, said before any weight is read.

Request validation and worker ask the same function, so that what was accepted loads. A layer is taken whole or not at
all: half of one would be another change than the one that was trained.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from farm.adapters.layouts import MOST_RANK, FileLayer, HeaderTensor
from farm.layer_names import TEXT_ENCODER, LayerNames
from farm.transformer_layers import Layer

#: How a layer is loaded: as two halves (a bias or a whole weight too, in their form), or as a Kronecker product.
Form = Literal["lora", "lokr"]
_W1, _W2 = ("lokr_w1", "lokr_w1_a", "lokr_w1_b"), ("lokr_w2", "lokr_w2_a", "lokr_w2_b")


@dataclass(frozen=True)
class Placed:
    """A layer of the file and the model's layers that it changes; several lie under each other in its rows."""

    layer: FileLayer
    targets: tuple[str, ...]
    form: Form


@dataclass(frozen=True)
class LeftOut:
    """A layer of the file that the model cannot take: the tensor that shows it, and why."""

    tensor: str
    reason: str

    def __str__(self) -> str:
        return f"{self.tensor[:120]!r}: {self.reason}"


@dataclass(frozen=True)
class Fit:
    """What a model takes of a file."""

    placed: Sequence[Placed]
    left_out: Sequence[LeftOut]

    @property
    def layers(self) -> int:
        """All layers of the file."""
        return len(self.placed) + len(self.left_out)


class Transformer:
    """The layers of one transformer as they are looked for. `layers`: of `farm.transformer_layers`."""

    def __init__(self, layers: Mapping[str, Layer]) -> None:
        self.layers = layers
        self.names = LayerNames(layers)

    def fit(self, layers: Iterable[FileLayer]) -> Fit:
        """What this transformer takes of the layers of a file."""
        placed, left_out = list[Placed](), list[LeftOut]()
        taken = set[str]()
        for layer in layers:
            targets = self.names.find(layer.path)
            fault = self._fault(layer, targets)
            if fault is None and not taken.isdisjoint(targets):
                fault = LeftOut(layer.first, f"changes {targets[0]} a second time")
            if fault is not None:
                left_out.append(fault)
                continue
            taken |= set(targets)
            placed.append(Placed(layer, targets, "lokr" if _is_lokr(layer) else "lora"))
        return _of_one_kind(placed, left_out)

    def _fault(self, layer: FileLayer, targets: tuple[str, ...]) -> LeftOut | None:
        if TEXT_ENCODER.match(layer.path):
            return LeftOut(layer.first, "is for a text encoder; these models take adapters in the transformer only")
        if not targets:
            return LeftOut(layer.first, _unknown(layer))
        for part, why in (
            ("hada", "is a LoHa (Hadamard product), which diffusers does not load"),
            ("mid", "is a convolution in three parts, which diffusers does not load"),
            ("diff_m", "changes a table of modulations, which adapters cannot"),
        ):
            if part in layer.parts:
                return LeftOut(layer.parts[part].name, why)
        if any(self.layers[target].groups > 1 for target in targets):
            return LeftOut(layer.first, "changes a convolution of each channel alone, which peft does not do exactly")
        shapes = [self.layers[target].shape for target in targets]
        if _is_lokr(layer):
            return _lokr_fault(layer, shapes)
        return _lora_fault(layer, sum(shape[0] for shape in shapes), shapes[0][1:])


def _unknown(layer: FileLayer) -> str:
    diff = layer.parts.get("diff")
    if "norm" in layer.path.lower() or (diff is not None and len(diff.shape) == 1):
        return "changes a norm, which adapters cannot"
    if "modulation" in layer.path or "scale_shift_table" in layer.path:
        return "changes a table of modulations, which adapters cannot"
    return "the model has no such layer"


def _lora_fault(layer: FileLayer, rows: int, inputs: tuple[int, ...]) -> LeftOut | None:
    """`rows`: outputs of the model's layer or layers; `inputs`: the other sides of its weight."""
    parts = layer.parts
    down, up, diff = parts.get("down"), parts.get("up"), parts.get("diff")
    model = f"the model's has {[rows, *inputs]}"
    if down is not None and up is not None:
        if _bare(down.shape[1:]) != _bare(inputs):
            return LeftOut(down.name, f"is for a weight of {[up.shape[0], *down.shape[1:]]}; {model}")
        if _bare(up.shape) != _bare((rows, down.shape[0])):
            return LeftOut(up.name, f"is for a weight of {[up.shape[0], *down.shape[1:]]}; {model}")
    if diff is not None:
        if down is not None:
            return LeftOut(diff.name, "changes a weight as a whole, and in two halves beside it")
        if _bare(diff.shape) != _bare((rows, *inputs)):
            return LeftOut(diff.name, f"is for a weight of {list(diff.shape)}; {model}")
        if smaller_side(diff.shape) > MOST_RANK:
            return LeftOut(diff.name, f"changes a weight as a whole, which is done up to {MOST_RANK} rows or columns")
    for name in ("diff_b", "up_bias", "magnitude"):
        part = parts.get(name)
        if part is not None and _bare(part.shape) != _bare((rows,)):
            across = name == "magnitude" and part.shape[:1] == (1,) and part.size != 1
            why = "scales the inputs of a layer, and peft's DoRA scales its outputs" if across else ""
            return LeftOut(part.name, why or f"is for {part.size:,} outputs; {model}")
    if "magnitude" in parts and down is None:
        return LeftOut(parts["magnitude"].name, "has no halves beside it")
    if "up_bias" in parts and down is None:
        return LeftOut(parts["up_bias"].name, "has no halves beside it")
    return None


def _lokr_fault(layer: FileLayer, shapes: Sequence[tuple[int, ...]]) -> LeftOut | None:
    parts = layer.parts
    if others := [part for name, part in parts.items() if not name.startswith("lokr_") and name != "alpha"]:
        return LeftOut(others[0].name, "stands beside a Kronecker product (LoKr), which has nothing beside it")
    if len(shapes) > 1:
        return LeftOut(layer.first, "is one Kronecker product for layers that the model has apart")
    if len(shapes[0]) > 2 or "lokr_t2" in parts:
        return LeftOut(layer.first, "is a Kronecker product (LoKr) for a convolution, which diffusers does not load")
    sides = [1, 1]
    for whole, left, right in (_W1, _W2):
        if whole in parts and len(parts[whole].shape) == 2:
            factor = parts[whole].shape
        elif _multiply(parts.get(left), parts.get(right)):
            factor = (parts[left].shape[0], parts[right].shape[1])
        else:
            return LeftOut(layer.first, f"lacks {whole}, or {left} and {right} that fit each other")
        sides = [side * more for side, more in zip(sides, factor, strict=True)]
    if tuple(sides) != shapes[0]:
        return LeftOut(layer.first, f"is for a weight of {sides}; the model's has {list(shapes[0])}")
    return None


def _multiply(left: HeaderTensor | None, right: HeaderTensor | None) -> bool:
    """Whether they are two matrices of which a product can be made."""
    if left is None or right is None or not len(left.shape) == len(right.shape) == 2:
        return False
    return left.shape[1] == right.shape[0]


def _of_one_kind(placed: list[Placed], left_out: list[LeftOut]) -> Fit:
    """peft loads a file as one kind: what is of another kind than most of it is left out."""
    odd = dict[str, str]()
    forms = [one.form for one in placed]
    if len(set(forms)) > 1:
        most: Form = "lokr" if forms.count("lokr") > len(forms) / 2 else "lora"
        odd |= {one.layer.path: f"is no {most}, and most of the file is" for one in placed if one.form != most}
    if any("magnitude" in one.layer.parts for one in placed):
        plain = [one for one in placed if "magnitude" not in one.layer.parts]
        odd |= {one.layer.path: "has no magnitude (DoRA), and other layers of the file have" for one in plain}
    kept = [one for one in placed if one.layer.path not in odd]
    told = [LeftOut(one.layer.first, odd[one.layer.path]) for one in placed if one.layer.path in odd]
    return Fit(kept, [*left_out, *told])


def smaller_side(shape: Sequence[int]) -> int:
    """Of a weight as a matrix (outputs, all else): its rank at the most."""
    columns = 1
    for side in shape[1:]:
        columns *= side
    return min(shape[0], columns)


def _is_lokr(layer: FileLayer) -> bool:
    return any(part.startswith("lokr_") for part in layer.parts)


def _bare(shape: Sequence[int]) -> tuple[int, ...]:
    """Without the ones at its end: a kernel of one by one is a linear layer."""
    sides = list(shape)
    while len(sides) > 1 and sides[-1] == 1:
        sides.pop()
    return tuple(sides)
