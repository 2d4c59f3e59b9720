"""What `farm submit --comfyui` says of ComfyUI's schedules, measured against the farm's samplers."""

import pytest

from farm.comfyui.sampler_names import EVEN_SCHEDULES, SAMPLERS, schedule_remark
from workers.denoising.samplers import build_sampler


def shifted(shift: float, level: float) -> float:
    return shift * level / (1 + (shift - 1) * level)


def comfyui(schedule: str, shift: float, steps: int) -> list[float]:
    """Noise levels as ComfyUI's schedule makes them for models of flow matching."""
    if schedule == "simple":  # every so many of a thousand levels
        return [shifted(shift, (1000 - int(step * 1000 / steps)) / 1000) for step in range(steps)]
    last = shifted(shift, 0.001)
    parts = steps if schedule == "sgm_uniform" else steps - 1
    return [shifted(shift, 1 + (last - 1) * step / parts) for step in range(steps)]


def farther(sampler: str, schedule: str, shift: float, steps: int) -> float:
    """The greatest difference of a noise level."""
    scheduler = build_sampler(sampler, flow_shift=shift)
    scheduler.set_timesteps(steps)
    ours = [float(sigma) for sigma in scheduler.sigmas]
    if sampler == "heun":  # its first step is one pass, the others are two
        ours = [ours[0], *ours[1:-1:2], ours[-1]]
    theirs = [*comfyui(schedule, shift, steps), 0.0]
    return max(abs(one - other) for one, other in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("sampler", sorted({meant.sampler for meant in SAMPLERS.values()} - {"scm"}))
def test_the_remark_bounds_what_is_measured(sampler: str) -> None:
    for schedule in EVEN_SCHEDULES:
        found = max(farther(sampler, schedule, shift, steps) for shift, steps in ((3, 20), (5, 50), (8, 30)))
        remark = schedule_remark(schedule, sampler)
        bound = 1e-5 if not remark else 0.005 if "0.005" in remark else 0.2
        assert found <= bound, (sampler, schedule, found)
        assert not remark or found > bound / 50, "the remark says too much"
