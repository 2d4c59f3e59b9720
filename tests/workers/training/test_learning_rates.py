"""The rate of each step is that of diffusers' training scripts."""

from typing import get_args

import pytest
import torch
from diffusers.optimization import get_scheduler

from farm.params.training.stored import LrScheduler
from tests.workers.training.trainings import training
from workers.training.learning_rates import learning_rate

STEPS = 20


@pytest.mark.parametrize("warm_up", [0, 5])
@pytest.mark.parametrize("name", get_args(LrScheduler))
def test_the_rate_of_each_step_is_diffusers_own_but_that_the_first_learns_too(name: LrScheduler, warm_up: int) -> None:
    plan = training(lr_scheduler=name, lr_warmup_steps=warm_up, max_train_steps=STEPS, learning_rate=3e-3)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=3e-3)
    theirs = {"constant": "constant_with_warmup"}.get(name, name)
    schedule = get_scheduler(theirs, optimizer, num_warmup_steps=warm_up, num_training_steps=STEPS)
    for step in range(STEPS):
        if step >= warm_up:
            assert learning_rate(plan, step) == pytest.approx(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
        if step < warm_up:  # a step ahead of theirs
            assert learning_rate(plan, step) == pytest.approx(schedule.get_last_lr()[0])


def test_a_warm_up_as_long_as_the_training_is_all_of_it() -> None:
    plan = training(lr_scheduler="cosine", lr_warmup_steps=STEPS, max_train_steps=STEPS, learning_rate=1.0)
    assert [learning_rate(plan, step) for step in (0, 9, 19)] == [0.05, 0.5, 1.0]
