"""Which parameters a family has, and how its requests are checked."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any

from farm.did_you_mean import did_you_mean
from farm.errors import UnknownFamily
from farm.params.adapters import check_adapters
from farm.params.checks.family_checks import FamilyChecks
from farm.params.models.sana import controlled_parameters, sana_parameters
from farm.params.models.sana_video import sana_video_parameters
from farm.params.models.sprint import sprint_parameters
from farm.params.models.wan import (
    experts_image_to_video_parameters,
    experts_parameters,
    first_last_parameters,
    image_to_video_parameters,
    text_image_to_video_parameters,
    wan_parameters,
)
from farm.params.models.wan_animate import animate_parameters
from farm.params.models.wan_vace import vace_parameters
from farm.params.pictures import takes_picture
from farm.params.request.base import (
    CLIPS,
    INPUTS,
    RenderParameters,
    SanaControlNetParameters,
    SanaParameters,
    SanaVideoParameters,
    SprintParameters,
    WanAnimateParameters,
    WanExpertsImageToVideoParameters,
    WanExpertsParameters,
    WanFirstLastParameters,
    WanImageToVideoParameters,
    WanParameters,
    WanTextImageToVideoParameters,
    WanVaceParameters,
)

#: A plugin's family brings its request checks as an entry point of the same name, a `Family`.
ENTRY_POINTS = "latent_farm.parameters"


@dataclass(frozen=True)
class Family:
    """How one kind of model checks a request, and what its renders carry.

    `check` gives all parameters but `family`, `prompt`, `seed`, `max_sequence_length`, `deterministic` and those of
    the output, and adds what is wrong to request validation's faults.
    """

    parameters: type[RenderParameters]
    check: Callable[[FamilyChecks], dict[str, Any]]


def common_parameters(checks: FamilyChecks, family: Family, checked: Mapping[str, Any]) -> dict[str, Any]:
    """What is the same for every family, beside what its own `check` has found."""
    request, entry = checks.request, checks.entry
    found: dict[str, Any] = {"stop_at_step": checks.stop_at_step(checked["num_inference_steps"])}
    partial = bool(request.allow_partial)
    found["loras"] = checks.take(check_adapters(request.loras or (), entry, partial, checks.uploaded))
    if "guidance_scale_2" not in family.parameters.model_fields:
        checks.refuse_given("guidance_scale_2", f"{entry.name} has no second expert")
    found["speed"] = checks.speed()
    found["step_cache"] = entry.step_cache if found["speed"] == "fast" else None
    for name in INPUTS:
        if not takes_picture(family.parameters, name):
            checks.refuse_given(name, f"{entry.name} takes no such {'clip' if name in CLIPS else 'picture'}")
        elif name not in checked:
            found[name] = checks.picture(name)
    return found


FAMILIES: Mapping[str, Family] = {
    "sana": Family(SanaParameters, sana_parameters),
    "sana-controlnet": Family(SanaControlNetParameters, controlled_parameters),
    "sana-video": Family(SanaVideoParameters, sana_video_parameters),
    "sprint": Family(SprintParameters, sprint_parameters),
    "wan": Family(WanParameters, wan_parameters),
    "wan-i2v": Family(WanImageToVideoParameters, image_to_video_parameters),
    "wan-flf2v": Family(WanFirstLastParameters, first_last_parameters),
    "wan-animate": Family(WanAnimateParameters, animate_parameters),
    "wan-vace": Family(WanVaceParameters, vace_parameters),
    "wan22": Family(WanExpertsParameters, experts_parameters),
    "wan22-i2v": Family(WanExpertsImageToVideoParameters, experts_image_to_video_parameters),
    "wan22-ti2v": Family(WanTextImageToVideoParameters, text_image_to_video_parameters),
}


def family_named(name: str) -> Family:
    """The family of that name, ours or a plugin's.

    Raises:
        UnknownFamily: nobody brings its request checks.
    """
    if name in FAMILIES:
        return FAMILIES[name]
    for entry_point in entry_points(group=ENTRY_POINTS, name=name):
        family: Family = entry_point.load()
        return family
    raise UnknownFamily(f"no installed package knows the parameters of {name!r}; {did_you_mean(name, FAMILIES)}")
