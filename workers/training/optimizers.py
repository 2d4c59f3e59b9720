"""From gradients to a step of the weights: AdamW, with what it remembers in float32, or most of it in 8 bits.

Each takes in what was remembered and gives it back anew: nothing that was given to it is changed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.optim.adamw import adamw

from farm.params.training.stored import Optimizer, Training

#: A running average: float32 in the shape of its weight, or [codes in that shape, a scale for each block of them].
Average = Tensor | list[Tensor]
#: torchao's own: values that share a scale, and the fewest that are worth it (`torchao.optim.AdamW8bit`).
_BLOCK, _LEAST = 256, 4096


@dataclass(frozen=True)
class Learnt:
    """Weights, and averages of their gradients and of the squares of these."""

    weights: list[Tensor]
    averages: list[Average]
    squares: list[Average]


class Step(Protocol):
    """One step of an optimiser."""

    def __call__(self, plan: Training, rate: float, taken: int, before: Learnt, gradients: Sequence[Tensor]) -> Learnt:
        """What comes after; `taken`: steps before this one."""


def first_averages(plan: Training, weights: Sequence[Tensor]) -> list[Average]:
    """What is remembered before the first step."""
    return [_zeros(weight) if plan.optimizer == "adamw-8bit" else torch.zeros_like(weight) for weight in weights]


def lacking(plan: Training) -> str | None:
    """What this machine lacks for the optimiser of a training, and what to do; None: nothing."""
    if plan.optimizer != "adamw-8bit" or find_spec("torchao") is not None:
        return None
    return (
        "the optimizer adamw-8bit needs the package torchao, which this worker has not: pip install "
        "'latent-farm[quantization]' for the workers of its pool, or take the optimizer adamw"
    )


def _in_float32(plan: Training, rate: float, taken: int, before: Learnt, gradients: Sequence[Tensor]) -> Learnt:
    weights = [weight.clone() for weight in before.weights]
    averages, squares = (
        [average.clone() for average in kept if isinstance(average, Tensor)]
        for kept in (before.averages, before.squares)
    )
    adamw(
        weights,
        list(gradients),
        averages,
        squares,
        [],
        [torch.tensor(float(taken)) for _ in weights],
        amsgrad=False,
        beta1=plan.adam_beta1,
        beta2=plan.adam_beta2,
        lr=rate,
        weight_decay=plan.adam_weight_decay,
        eps=plan.adam_epsilon,
        maximize=False,
    )
    return Learnt(weights, list(averages), list(squares))


def _in_8_bits(plan: Training, rate: float, taken: int, before: Learnt, gradients: Sequence[Tensor]) -> Learnt:
    """torchao's step, weight by weight, as Dettmers et al. describe it (https://arxiv.org/abs/2110.02861).

    Its optimiser would compile that with torch.compile, which needs a compiler on each worker and rounds otherwise than
    without one: a training that goes on elsewhere would be another.
    """
    from torchao.optim.adam import single_param_adam

    after = Learnt([], [], [])
    for weight, average, square, gradient in zip(
        before.weights, before.averages, before.squares, gradients, strict=True
    ):
        moved, first, second = weight.clone(), _opened(average, signed=True), _opened(square, signed=False)
        single_param_adam(
            moved,
            gradient,
            torch.tensor(float(taken + 1)),
            first,
            second,
            None,
            torch.tensor(rate),
            plan.adam_beta1,
            plan.adam_beta2,
            plan.adam_weight_decay,
            plan.adam_epsilon,
            True,  # weight decay is AdamW's
            False,  # no stochastic rounding: weights are float32
        )
        after.weights.append(moved)
        after.averages.append(_closed(first))
        after.squares.append(_closed(second))
    return after


STEPS: Mapping[Optimizer, Step] = {"adamw": _in_float32, "adamw-8bit": _in_8_bits}


def _zeros(weight: Tensor) -> Average:
    if weight.numel() < _LEAST or weight.numel() % _BLOCK:
        return torch.zeros_like(weight)
    codes = torch.zeros(weight.shape, dtype=torch.uint8, device=weight.device)
    return [codes, torch.zeros(weight.numel() // _BLOCK, device=weight.device)]


def _opened(average: Average, *, signed: bool) -> Tensor:
    """As torchao computes with it: a copy."""
    if isinstance(average, Tensor):
        return average.clone()
    from torchao.optim.subclass_8bit import OptimState8bit

    codes, scales = average
    opened: Tensor = OptimState8bit.zeros(codes.shape, signed, _BLOCK, codes.device)
    opened.codes.copy_(codes)  # type: ignore[attr-defined]
    opened.scale.copy_(scales)  # type: ignore[attr-defined]
    return opened


def _closed(average: Any) -> Average:
    return [average.codes, average.scale] if hasattr(average, "codes") else average
