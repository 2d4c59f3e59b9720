"""One layer's change in the form that peft has for it: two halves, or a Kronecker product."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Halves:
    """Tensors of one layer by peft's names, the rank, and what peft is to multiply their product (and bias) by."""

    state: dict[str, Tensor]
    rank: int
    scale: float


def halves_of(own: Mapping[str, Tensor], rows: slice, shape: tuple[int, ...], scale: float, *, biased: bool) -> Halves:
    """The halves for a layer whose weight has this shape and which is these rows of the file's layer.

    A whole weight becomes itself and an identity; where only a bias changes, the halves are zeros. `biased`: a bias in
    any case, since peft has one in all layers or in none.
    """
    if "down" in own:
        down, up = own["down"], own["up"]
    elif "diff" in own:
        down, up = _as_product(own["diff"].flatten(1))
    else:
        down, up = own["diff_b"].new_zeros(1, *shape[1:]), own["diff_b"].new_zeros(len(own["diff_b"].flatten()), 1)
    rank, outputs = down.shape[0], shape[0]
    up = up.flatten(1)[rows]
    if scale == 0:  # it changes no weight; peft would multiply the bias by nothing too
        up, scale = torch.zeros_like(up), 1.0
    state = {
        "lora_A.weight": down.reshape(rank, *shape[1:]).contiguous(),
        "lora_B.weight": up.reshape(outputs, rank, *(1 for _ in shape[2:])).contiguous(),
    }
    if biased:
        state["lora_B.bias"] = _bias(own, rows, outputs, scale).to(up.dtype)
    if "magnitude" in own:
        magnitude = own["magnitude"].flatten()[rows]
        state["lora_magnitude_vector"] = magnitude.reshape(1, -1, *(1 for _ in shape[2:])) if shape[2:] else magnitude
    return Halves(state, rank, scale)


def product_of(target: str, own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A Kronecker product by peft's names, its scale (alpha / rank, as LyCORIS has it) in its first factor."""
    parts = {name: value for name, value in own.items() if name.startswith("lokr_")}
    ranks = [parts[name].shape[0] for name in ("lokr_w2_b", "lokr_w1_b") if name in parts]
    if ranks and "alpha" in own:
        first = "lokr_w1" if "lokr_w1" in parts else "lokr_w1_a"
        parts[first] = parts[first].float() * (float(own["alpha"].item()) / ranks[0])
    return {f"{target}.{name}": value for name, value in parts.items()}


def _as_product(weight: Tensor) -> tuple[Tensor, Tensor]:
    """A matrix as (down, up) with up @ down the matrix itself, of the smaller rank."""
    outputs, inputs = weight.shape
    if outputs <= inputs:
        return weight, torch.eye(outputs, dtype=weight.dtype)
    return torch.eye(inputs, dtype=weight.dtype), weight


def _bias(own: Mapping[str, Tensor], rows: slice, outputs: int, scale: float) -> Tensor:
    """peft multiplies it by the scale, as PEFT's own biases mean it; a `diff_b` is added as it is."""
    bias = torch.zeros(outputs)
    if "up_bias" in own:
        bias = bias + own["up_bias"].flatten()[rows].float()
    if "diff_b" in own:
        bias = bias + own["diff_b"].flatten()[rows].float() / scale
    return bias
