"""The rate of each step of a training, from its plan and the step alone: nothing of it has to be remembered. Pure."""

import math
from collections.abc import Callable, Mapping

from farm.params.training.stored import LrScheduler, Training

#: Of the rate that is left after a share of the steps behind the warm-up, as `diffusers.optimization` has them.
_LEFT: Mapping[LrScheduler, Callable[[float], float]] = {
    "constant": lambda _: 1.0,
    "linear": lambda share: 1.0 - share,
    "cosine": lambda share: 0.5 * (1.0 + math.cos(math.pi * share)),
}


def learning_rate(plan: Training, taken: int) -> float:
    """The rate of the step that `taken` others came before.

    The warm-up is a step ahead of diffusers', whose first step has rate 0 and learns nothing.
    """
    if taken < plan.lr_warmup_steps:
        return plan.learning_rate * ((taken + 1) / plan.lr_warmup_steps)
    share = (taken - plan.lr_warmup_steps) / (plan.max_train_steps - plan.lr_warmup_steps)
    return plan.learning_rate * _LEFT[plan.lr_scheduler](share)
