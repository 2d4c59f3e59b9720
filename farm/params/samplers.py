"""Why some samplers cannot be had, and where the others run past their end.

All models here are trained with flow matching: x_t = (1 - σ) x0 + σ ε, predicted as the velocity ε - x0.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from farm.catalog.supported_features import known_samplers
from farm.did_you_mean import did_you_mean
from farm.params.request.submission import shown
from farm.sentences import sentence


@dataclass(frozen=True)
class _Impossible:
    """Samplers that people know from other tools and that cannot be had, and what is nearest, the best first."""

    names: str
    reason: str
    nearest: tuple[str, ...]


_SCHEDULE = "is made for another noise schedule; under flow matching it gives garbage or an error"
_GRAIN = "ends above zero noise under flow matching and leaves visible grain"
_LIST = (
    _Impossible("euler-a euler-ancestral k-euler-a k-euler-ancestral", _SCHEDULE, ("dpm++-2m-sde", "euler")),
    _Impossible("k-euler", _SCHEDULE, ("euler",)),
    _Impossible("dpm2 dpm2-a kdpm2 kdpm2-a k-heun edm", _SCHEDULE, ("heun",)),
    _Impossible("ddpm dpm-sde dpmpp-sde dpm++-sde cosine-dpm", _SCHEDULE, ("dpm++-2m-sde", "dpm++-2m")),
    _Impossible("pndm plms lms k-lms", _SCHEDULE, ("dpm++-2m",)),
    _Impossible("tcd", _SCHEDULE, ("euler",)),
    _Impossible("lcm", "is made for distilled models; on this one the contrast comes out wrong", ("euler",)),
    _Impossible("deis", _GRAIN, ("dpm++-2m",)),
    _Impossible("sa-solver", _GRAIN, ("dpm++-2m-sde", "dpm++-2m")),
    _Impossible("ipndm", "gives garbage under flow matching", ("dpm++-2m",)),
)
_IMPOSSIBLE = {name: found for found in _LIST for name in found.names.split()}


def sampler_fault(name: str, model: str, offered: Iterable[str]) -> str:
    """Why a model cannot be sampled so, and which of the samplers it has comes nearest."""
    offered = list(offered)
    found = _IMPOSSIBLE.get("-".join(name[:80].lower().replace("_", " ").replace("-", " ").split()))
    if found is not None:
        reason, nearest = found.reason, [each for each in found.nearest if each in offered]
    elif name == "scm":
        reason, nearest = f"is for the distilled weights of SANA-Sprint and does not work with {model}", ["euler"]
    elif name in known_samplers() and "scm" in offered:
        reason, nearest = f"does not work with {model}, whose distilled weights know the consistency sampler alone", []
    else:
        known = name in known_samplers()
        hint = did_you_mean(name, offered)
        if known:
            return sentence("%(name)s does not work with %(model)s; %(hint)s", name=shown(name), model=model, hint=hint)
        return sentence("%(name)s is unknown; %(hint)s", name=shown(name), hint=hint)
    best = next(iter([*(each for each in nearest if each in offered), *offered]))
    return f"{shown(name)} {reason}; the nearest that works is {best!r}. Known: {', '.join(offered)}"


#: The DPM-Solver kind: its timesteps are whole numbers below 1000.
_WHOLE_TIMESTEPS = frozenset({"dpm++-2m", "dpm++-2m-sde", "dpm++-singlestep", "unipc"})


def first_steps_collide(sampler: str, steps: int, flow_shift: float) -> bool:
    """Whether a sampler's first two steps fall on the same timestep.

    A large shift crowds the first steps together, and these samplers round to whole timesteps. SanaPipeline lets
    them look up their first step by its timestep, so they begin at the second and run past the end of their list.
    """
    if sampler not in _WHOLE_TIMESTEPS or steps < 2:
        return False
    if sampler == "unipc":  # from just below 1 down to 0.001
        first, second = 1.0 - 1e-6, _part(1, steps)
    else:  # from 0.999 down to 0
        first, second = 1.0 - 0.001, 1.0 - _part(steps - 1, steps)
    return _timestep(first, flow_shift) == _timestep(second, flow_shift)


def _part(index: int, steps: int) -> float:
    """1 … 0.001 in equal parts, to the last bit as `numpy.linspace` has it."""
    return index * ((0.001 - 1.0) / steps) + 1.0


def _timestep(sigma: float, flow_shift: float) -> int:
    return int(flow_shift * sigma / (1 + (flow_shift - 1) * sigma) * 1000)
