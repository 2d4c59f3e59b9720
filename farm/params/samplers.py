"""Why some samplers cannot be had, and where the others run past their end.

All models here are trained with flow matching: x_t = (1 - σ) x0 + σ ε, predicted as the velocity ε - x0.
"""

from farm.catalog.known import SAMPLERS

__all__ = ["IMPOSSIBLE", "SAMPLERS", "first_steps_collide"]


_NOISE_SCHEDULE = "is made for another noise schedule; under flow matching it gives garbage or an error"
#: What people know from other tools → why it cannot be had.
IMPOSSIBLE = {
    **dict.fromkeys(
        (
            "euler_a",
            "euler-a",
            "euler-ancestral",
            "euler_ancestral",
            "k_euler_a",
            "k_euler",
            "dpm2",
            "dpm2-a",
        ),
        _NOISE_SCHEDULE,
    ),
    **dict.fromkeys(("kdpm2", "kdpm2-a", "dpm2_a", "ddpm", "pndm", "plms", "tcd", "edm"), _NOISE_SCHEDULE),
    **dict.fromkeys(("lms", "k_lms", "dpm-sde", "dpmpp_sde", "dpm++-sde", "cosine-dpm"), _NOISE_SCHEDULE),
    "lcm": "is made for distilled models; on this one the picture comes out with the wrong contrast",
    "deis": "ends above zero noise under flow matching and leaves visible grain",
    "sa-solver": "ends above zero noise under flow matching and leaves visible grain",
    "sa_solver": "ends above zero noise under flow matching and leaves visible grain",
    "ipndm": "gives garbage under flow matching",
}

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
