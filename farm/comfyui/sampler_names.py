"""ComfyUI's samplers and schedules, and which of the farm's mean the same."""

from collections.abc import Mapping
from dataclasses import dataclass

from farm.sentences import sentence


@dataclass(frozen=True)
class Meant:
    """The farm's sampler, and in what it is not to the last digit theirs; '': in nothing."""

    sampler: str
    remark: str = ""


SAMPLERS: Mapping[str, Meant] = {
    "euler": Meant("euler"),
    "ddim": Meant("ddim"),
    "heun": Meant("heun"),
    "uni_pc": Meant("unipc", "ComfyUI's uni_pc is UniPC of third order (bh1), the farm's of second order (bh2)"),
    "uni_pc_bh2": Meant("unipc", "ComfyUI's uni_pc_bh2 is UniPC of third order, the farm's of second order"),
    "dpmpp_2m": Meant("dpm++-2m"),
    "dpmpp_2m_sde": Meant("dpm++-2m-sde", "noise between steps is drawn otherwise than in ComfyUI"),
    "dpmpp_2m_sde_gpu": Meant("dpm++-2m-sde", "noise between steps is drawn otherwise than in ComfyUI"),
    # Of the nodes for SANA-Sprint, which has no other.
    "scm": Meant(
        "scm", "the farm takes the timesteps of the published pipeline, and draws the noise between otherwise"
    ),
}
#: Schedules of ComfyUI that spread the steps as the farm's do, moved by the same shift.
EVEN_SCHEDULES = frozenset({"simple", "normal", "sgm_uniform"})
_MULTISTEP = frozenset({"unipc", "dpm++-2m", "dpm++-2m-sde", "dpm++-singlestep"})


def schedule_remark(schedule: str, sampler: str) -> str:
    """How far the noise levels (1 … 0) of one of these schedules are from those of the farm's sampler; '': equal.

    Measured with shifts 3 to 8 and 20 to 50 steps; a test measures them again.
    """
    if sampler == "scm" or (schedule == "normal" and sampler not in _MULTISTEP):
        return ""
    if schedule == "simple" and sampler in _MULTISTEP:
        return sentence(
            "the noise levels of '%(schedule)s' and of the farm's %(sampler)s differ by up to 0.005: a like picture",
            schedule=schedule,
            sampler=sampler,
        )
    return sentence(
        "the noise levels of '%(schedule)s' and of the farm's %(sampler)s differ by up to 0.2: expect another picture "
        "(equal to 'normal' are euler, ddim and heun, next to 'simple' the others)",
        schedule=schedule,
        sampler=sampler,
    )
