"""Samplers by the names people know, built from the class with every flow-matching setting said out loud.

`Scheduler.from_config` of another family's config loses the shift, or silently falls back to a noise schedule
that does not fit flow matching; so nothing here starts from what a model happens to ship.

A package brings more of them as entry points of `latent_farm.samplers`, each a `SamplerSpec` under the sampler's name.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from typing import Any

from diffusers import (
    DPMSolverMultistepScheduler,
    DPMSolverSinglestepScheduler,
    FlowMatchEulerDiscreteScheduler,
    FlowMatchHeunDiscreteScheduler,
    SCMScheduler,
    UniPCMultistepScheduler,
)

from farm.catalog.supported_features import SAMPLER_ENTRY_POINTS

#: A diffusers scheduler: stateful, so each track has its own. (The library has no common base with a useful
#: type.)
Sampler = Any


class UnknownSampler(ValueError):
    """No sampler of this name works with flow matching."""


@dataclass(frozen=True)
class SamplerSpec:
    """How one sampler is built.

    `build` makes a fresh diffusers scheduler from the flow shift (1: none). Its `step` takes (prediction, timestep,
    latents, return_dict=False) and a generator if it draws noise, for a velocity ε - x0 at x = (1 - σ) x0 + σ ε. Its
    `sigmas` end at zero.
    """

    build: Callable[[float], Sampler]
    stochastic: bool = False


#: Its name in versions before 0.4: packages may import it.
Recipe = SamplerSpec


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


_SPECS: Mapping[str, SamplerSpec] = {
    "euler": SamplerSpec(_flow_match(FlowMatchEulerDiscreteScheduler)),
    # Under flow matching the deterministic DDIM update is the Euler step: with x = (1 - s) x0 + s e and v = e
    # - x0, DDIM's (1 - s') x0 + s' e equals x + (s' - s) v.
    "ddim": SamplerSpec(_flow_match(FlowMatchEulerDiscreteScheduler)),
    "heun": SamplerSpec(_flow_match(FlowMatchHeunDiscreteScheduler)),
    "dpm++-2m": SamplerSpec(_flow_sigmas(DPMSolverMultistepScheduler, algorithm_type="dpmsolver++", solver_order=2)),
    "dpm++-2m-sde": SamplerSpec(
        _flow_sigmas(DPMSolverMultistepScheduler, algorithm_type="sde-dpmsolver++", solver_order=2),
        stochastic=True,
    ),
    # lower_order_final: the scheduler sets it itself, with a warning, whenever sigmas end at zero.
    "dpm++-singlestep": SamplerSpec(_flow_sigmas(DPMSolverSinglestepScheduler, solver_order=2, lower_order_final=True)),
    "unipc": SamplerSpec(_flow_sigmas(UniPCMultistepScheduler, solver_order=2)),
    # SANA-Sprint's consistency sampler; it has no shift.
    "scm": SamplerSpec(lambda _shift: SCMScheduler(prediction_type="trigflow", sigma_data=0.5), stochastic=True),
}

#: Our own names; packages bring more.
SAMPLER_NAMES = tuple(_SPECS)


def build_sampler(name: str, *, flow_shift: float) -> Sampler:
    """A fresh sampler of that name. `flow_shift` is the model's timestep shift (1: none); scm ignores it.

    Raises UnknownSampler.
    """
    return _spec(name).build(flow_shift)


def is_stochastic(name: str) -> bool:
    """Whether the sampler draws noise at each step, and so needs the render's generator. Raises
    UnknownSampler.
    """
    return _spec(name).stochastic


def takes_generator(sampler: Sampler) -> bool:
    """Whether `step` of this sampler accepts a generator."""
    return "generator" in inspect.signature(sampler.step).parameters


def _spec(name: str) -> SamplerSpec:
    return _SPECS[name] if name in _SPECS else _brought(name)


@cache
def _brought(name: str) -> SamplerSpec:
    """The spec of an installed package. Raises UnknownSampler."""
    points = {point.name: point for point in entry_points(group=SAMPLER_ENTRY_POINTS)}
    if name not in points:
        known = ", ".join([*SAMPLER_NAMES, *sorted(points)])
        raise UnknownSampler(f"unknown sampler '{name}'; there are: {known}")
    spec = points[name].load()
    if not isinstance(spec, SamplerSpec):
        raise UnknownSampler(
            f"the entry point '{name}' of {SAMPLER_ENTRY_POINTS} is no SamplerSpec: {points[name].value}"
        )
    return spec
