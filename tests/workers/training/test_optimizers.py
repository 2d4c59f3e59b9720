"""AdamW in 8 bits is torchao's own, whether a training is interrupted or not, and takes a quarter of the memory."""

from copy import deepcopy

import pytest
import torch
from torch import Tensor

from tests.workers.training.trainings import training
from workers.training.optimizers import STEPS, Average, Learnt, first_averages

#: Two that are remembered in 8 bits, one of them of a convolution; and two that are too small, or no multiple of 256.
SHAPES = ((16, 256), (32, 256, 1, 1), (3, 5), (4099,))
RATE = 1e-2


def gradients(step: int) -> list[Tensor]:
    chance = torch.Generator().manual_seed(step)
    return [torch.randn(shape, generator=chance) * 10.0 ** -(step % 3) for shape in SHAPES]


def test_its_steps_are_those_of_torchaos_optimiser_to_the_bit() -> None:
    optim = pytest.importorskip("torchao.optim")
    plan = training(optimizer="adamw-8bit", adam_weight_decay=1e-2)
    weights = gradients(100)
    theirs = [torch.nn.Parameter(weight.clone()) for weight in weights]
    optimizer = optim.AdamW8bit(
        theirs, lr=RATE, betas=(plan.adam_beta1, plan.adam_beta2), eps=plan.adam_epsilon, weight_decay=1e-2
    )
    ours = Learnt(weights, first_averages(plan, weights), first_averages(plan, weights))
    for step in range(6):
        before = deepcopy(ours)
        for parameter, gradient in zip(theirs, gradients(step), strict=True):
            parameter.grad = gradient
        with torch.compiler.set_stance("force_eager"):
            optimizer.step()
        given = ours
        ours = STEPS["adamw-8bit"](plan, RATE, step, given, gradients(step))
        assert all(torch.equal(one, other) for one, other in zip(ours.weights, theirs, strict=True))
        # A step that is tried again begins where the first try began.
        assert flat(given) == flat(before)


def test_what_it_remembers_takes_a_quarter_of_the_memory() -> None:
    weight = [torch.zeros(64, 1024)]
    whole, small = (first_averages(training(optimizer=name), weight) for name in ("adamw", "adamw-8bit"))
    assert size(small[0]) < 0.26 * size(whole[0])


def test_it_learns_about_what_float32_learns() -> None:
    ends = {}
    for name in STEPS:
        plan = training(optimizer=name)
        weights = gradients(100)
        learnt = Learnt(weights, first_averages(plan, weights), first_averages(plan, weights))
        for step in range(20):  # down a bowl
            learnt = STEPS[name](plan, 0.1, step, learnt, [weight.clone() for weight in learnt.weights])
        ends[name] = learnt.weights
    for one, other, begun in zip(ends["adamw"], ends["adamw-8bit"], gradients(100), strict=True):
        assert (one - other).abs().mean() < 0.05 * (one - begun).abs().mean()


def size(average: Average) -> int:
    parts = [average] if isinstance(average, Tensor) else average
    return sum(part.numel() * part.element_size() for part in parts)


def flat(learnt: Learnt) -> list[list[float]]:
    parts: list[Tensor] = list(learnt.weights)
    for average in (*learnt.averages, *learnt.squares):
        parts += [average] if isinstance(average, Tensor) else average
    return [part.flatten().tolist() for part in parts]
