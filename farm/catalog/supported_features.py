"""What a catalog entry may say: the families and samplers there are, and what the pipelines of each can do at all.

The figures are those of diffusers 0.42; tests hold them against its pipelines.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points

#: Families are found by entry point, so that a plugin brings one, and only by name: the code behind needs torch.
FAMILY_ENTRY_POINTS = "latent_farm.families"

#: Samplers too: a plugin's come by the names of their entry points.
SAMPLER_ENTRY_POINTS = "latent_farm.samplers"

#: Sampler → what it is, for forms. Workers build them by these names.
SAMPLERS = {
    "dpm++-2m": "DPM-Solver++ 2M: second order, the usual choice for Sana",
    "dpm++-2m-sde": "DPM-Solver++ 2M SDE: adds fresh noise at each step, drawn from the seed",
    "dpm++-singlestep": "DPM-Solver++ single step, second order",
    "unipc": "UniPC: second order with a corrector, the usual choice for Wan",
    "euler": "Euler: first order, needs more steps",
    "heun": "Heun: second order, two passes for each step but the last",
    "ddim": "DDIM: under flow matching the same as Euler",
    "scm": "consistency sampler of SANA-Sprint",
}


@dataclass(frozen=True)
class Ability:
    """What every model of a family can do; a catalog entry may offer less, never more."""

    multiple: int  # of width and height, where there are no bins
    bins: frozenset[int]  # tables of sizes that the pipeline has
    samplers: frozenset[str]
    most_steps: int | None = None
    frames_per_latent: int | None = None  # clips have 4k + 1 frames (or 8k + 1, as the entry says); none: pictures only
    token_pixels: int | None = None  # edge of a token; none: diffusers has no plan to split its sequence
    step_caches: tuple[str, ...] = ()  # that give something right; others of diffusers do nothing here, or raise
    timestep_per_token: bool = False  # of Wan2.2 5B, whose given first frame has no noise
    two_experts: bool = False  # one transformer for the noisy steps, another for the rest

    def takes(self, sampler: str) -> bool:
        """Whether models of this family can be sampled so; a plugin's samplers are for flow matching."""
        return sampler in self.samplers or (sampler not in SAMPLERS and self.samplers >= FLOW_SAMPLERS)


#: All that are right for models trained with flow matching, which is to say for all but Sprint's distilled ones.
FLOW_SAMPLERS = frozenset(SAMPLERS) - {"scm"}
ABILITIES = {
    "sana": Ability(32, frozenset({512, 1024, 2048, 4096}), FLOW_SAMPLERS, step_caches=("first-block",)),
    # No step cache: the ControlNet adds something behind each block, also behind those that were left out.
    "sana-controlnet": Ability(32, frozenset({512, 1024, 2048, 4096}), FLOW_SAMPLERS),
    # Its pipeline has tables of sizes too, and refuses most sizes of the smaller one: 560 is no multiple of 32.
    "sana-video": Ability(32, frozenset(), FLOW_SAMPLERS, frames_per_latent=4, step_caches=("first-block",)),
    "sprint": Ability(32, frozenset({1024}), frozenset({"scm"}), most_steps=4),
    "wan": Ability(16, frozenset(), FLOW_SAMPLERS, None, 4, 16, ("first-block", "sea", "mag")),
    "wan-i2v": Ability(16, frozenset(), FLOW_SAMPLERS, None, 4, 16, ("first-block", "mag")),
    "wan-flf2v": Ability(16, frozenset(), FLOW_SAMPLERS, None, 4, 16, ("first-block", "mag")),
    # No step cache: the face (of VACE the control) adds something behind some blocks, also behind those that were left
    # out; and diffusers has no plan to split their sequences.
    "wan-animate": Ability(16, frozenset(), FLOW_SAMPLERS, frames_per_latent=4),
    "wan-vace": Ability(16, frozenset(), FLOW_SAMPLERS, frames_per_latent=4),
    # No 'mag': it counts the steps from the first one, which the second expert never has.
    "wan22": Ability(16, frozenset(), FLOW_SAMPLERS, None, 4, 16, ("first-block", "sea"), two_experts=True),
    "wan22-i2v": Ability(16, frozenset(), FLOW_SAMPLERS, None, 4, 16, ("first-block",), two_experts=True),
    "wan22-ti2v": Ability(32, frozenset(), FLOW_SAMPLERS, None, 4, 32, ("first-block",), timestep_per_token=True),
}


@cache
def known_families() -> frozenset[str]:
    """The names of all installed families."""
    return frozenset(entry_point.name for entry_point in entry_points(group=FAMILY_ENTRY_POINTS))


@cache
def known_samplers() -> Mapping[str, str]:
    """What each sampler is, ours and those of installed packages."""
    brought = {
        point.name: f"from {point.value.partition(':')[0]}" for point in entry_points(group=SAMPLER_ENTRY_POINTS)
    }
    return brought | SAMPLERS
