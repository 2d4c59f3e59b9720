"""Samplers by the names people know, built from the class with every flow-matching setting said out loud.

`Scheduler.from_config` of another family's config loses the shift, or silently falls back to a noise schedule
that does not fit flow matching; so nothing here starts from what a model happens to ship.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from diffusers import (
    DPMSolverMultistepScheduler,
    DPMSolverSinglestepScheduler,
    FlowMatchEulerDiscreteScheduler,
    FlowMatchHeunDiscreteScheduler,
    SCMScheduler,
    UniPCMultistepScheduler,
)

#: A diffusers scheduler: stateful, so each track has its own. (The library has no common base with a useful
#: type.)
Sampler = Any


class UnknownSampler(ValueError):
    """No sampler of this name works with flow matching."""


@dataclass(frozen=True)
class _Recipe:
    build: Callable[[float], Sampler]  # from the flow shift
    stochastic: bool = False


def _flow_sigmas(scheduler: Callable[..., Sampler], **settings: Any) -> Callable[[float], Sampler]:
    """The DPM-Solver kind: the sigmas of flow matching are an option, and the shift is called flow_shift."""
    return lambda flow_shift: scheduler(
        prediction_type="flow_prediction",
        use_flow_sigmas=True,
        flow_shift=flow_shift,
        num_train_timesteps=1000,
        **settings,
    )


def _flow_match(scheduler: Callable[..., Sampler]) -> Callable[[float], Sampler]:
    """The FlowMatch kind: made for flow matching, and the shift is called shift."""
    return lambda flow_shift: scheduler(num_train_timesteps=1000, shift=flow_shift)


_RECIPES: Mapping[str, _Recipe] = {
    "euler": _Recipe(_flow_match(FlowMatchEulerDiscreteScheduler)),
    # Under flow matching the deterministic DDIM update is the Euler step: with x = (1 - s) x0 + s e and v = e
    # - x0, DDIM's (1 - s') x0 + s' e equals x + (s' - s) v.
    "ddim": _Recipe(_flow_match(FlowMatchEulerDiscreteScheduler)),
    "heun": _Recipe(_flow_match(FlowMatchHeunDiscreteScheduler)),
    "dpm++-2m": _Recipe(_flow_sigmas(DPMSolverMultistepScheduler, algorithm_type="dpmsolver++", solver_order=2)),
    "dpm++-2m-sde": _Recipe(
        _flow_sigmas(DPMSolverMultistepScheduler, algorithm_type="sde-dpmsolver++", solver_order=2),
        stochastic=True,
    ),
    # lower_order_final: the scheduler sets it itself, with a warning, whenever sigmas end at zero.
    "dpm++-singlestep": _Recipe(_flow_sigmas(DPMSolverSinglestepScheduler, solver_order=2, lower_order_final=True)),
    "unipc": _Recipe(_flow_sigmas(UniPCMultistepScheduler, solver_order=2)),
    # SANA-Sprint's consistency sampler; it has no shift.
    "scm": _Recipe(lambda _shift: SCMScheduler(prediction_type="trigflow", sigma_data=0.5), stochastic=True),
}

#: Every name that `build_sampler` knows.
SAMPLER_NAMES = tuple(_RECIPES)


def build_sampler(name: str, *, flow_shift: float) -> Sampler:
    """A fresh sampler of that name. `flow_shift` is the model's timestep shift (1: none); scm ignores it.

    Raises UnknownSampler.
    """
    return _recipe(name).build(flow_shift)


def is_stochastic(name: str) -> bool:
    """Whether the sampler draws noise at each step, and so needs the render's generator. Raises
    UnknownSampler.
    """
    return _recipe(name).stochastic


def takes_generator(sampler: Sampler) -> bool:
    """Whether `step` of this sampler accepts a generator."""
    return "generator" in inspect.signature(sampler.step).parameters


def _recipe(name: str) -> _Recipe:
    try:
        return _RECIPES[name]
    except KeyError:
        raise UnknownSampler(f"unknown sampler '{name}'; there are: {', '.join(SAMPLER_NAMES)}") from None
