"""From a job of the Horde to a job of the farm: a pure function, which takes every field over or says why it cannot.

Nothing falls away in silence. What has no meaning for these models refuses the job, but for what a Horde and its
clients fill in by themselves where nothing was chosen: that is left out, and whoever asked is told with the picture.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from farm.horde.protocol import Popped
from farm.params.request.base import MAX_SEED

if TYPE_CHECKING:
    from farm.params.request.job_fields import JobFields

#: What a Horde fills in for what was left out.
DEFAULT_SIDE, DEFAULT_STEPS, DEFAULT_GUIDANCE = 512, 30, 7.5
#: Stands between a prompt and what the picture should not show.
NEGATIVE_AFTER = "###"
#: Samplers of the Horde that do the same under flow matching; the farm refuses what a model does not have.
SAMPLERS = {"k_euler": "euler", "k_heun": "heun", "k_dpmpp_2m": "dpm++-2m", "DDIM": "ddim"}
#: What the Horde (k_euler_a) and its SDK (k_lms) fill in: nobody can tell whether somebody chose them.
FILLED_IN_SAMPLERS = frozenset({"k_euler_a", "k_lms"})
#: Fields that say nothing by themselves: their work is done by the Horde, or goes with a field that refuses the job.
_WITHOUT_EFFECT = frozenset(
    {
        "batch_size",  # always 1: how many pictures there are, the ids say
        "n",
        "n_iter",
        "seed_variation",  # is in the seed already
        "denoising_strength",
        "hires_fix_denoising_strength",
        "facefixer_strength",
        "post_processing_order",
    }
)
_TAKEN_OVER = frozenset(
    {"prompt", "seed", "width", "height", "steps", "ddim_steps", "cfg_scale", "sampler_name", "karras"}
    | {"clip_skip", "use_nsfw_censor"}
)


class CannotRender(Exception):
    """A job of the Horde that the farm cannot render as it was asked for; the reasons are told to the Horde."""

    def __init__(self, reasons: list[str]) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = reasons


@dataclass(frozen=True)
class Asked:
    """A job for the farm: `seeds` are those of the pictures, in the order of their ids."""

    model: str
    prompt: str
    width: int
    height: int
    seeds: tuple[int, ...]
    fields: JobFields  # all of them, as the client takes them
    remarks: tuple[str, ...]


def translate(popped: Popped, offers: Mapping[str, str], *, pictures_checked: bool) -> Asked:
    """The farm's job for a job of the Horde. `offers`: name at the Horde → model of the farm.

    `pictures_checked`: whether the farm has a safety checker. Raises CannotRender with every reason.
    """
    payload = {name: value for name, value in popped.payload.items() if value is not None}
    reasons = _refused(popped, payload, offers, pictures_checked)
    prompt, _, negative = str(payload.get("prompt", "")).partition(NEGATIVE_AFTER)
    if not prompt.strip():
        reasons.append("there is no prompt")
    seeds = _seeds(payload.get("seed"), popped.picture_ids, reasons)
    width = _whole("width", payload.get("width", DEFAULT_SIDE), reasons)
    height = _whole("height", payload.get("height", DEFAULT_SIDE), reasons)
    fields: JobFields = {
        "width": width,
        "height": height,
        "num_inference_steps": _whole("steps", payload.get("ddim_steps", payload.get("steps", DEFAULT_STEPS)), reasons),
        "guidance_scale": _real("cfg_scale", payload.get("cfg_scale", DEFAULT_GUIDANCE), reasons),
        "seeds": seeds,
    }
    if negative.strip():
        fields["negative_prompt"] = negative.strip()
    remarks = _sampler(payload, fields, reasons)
    if reasons:
        raise CannotRender(reasons)
    return Asked(offers[popped.model or ""], prompt.strip(), width, height, tuple(seeds), fields, tuple(remarks))


def _refused(
    popped: Popped, payload: Mapping[str, Any], offers: Mapping[str, str], pictures_checked: bool
) -> list[str]:
    """Why the job cannot be rendered as it was asked for, as far as one field says it."""
    reasons = []
    if popped.model not in offers:
        reasons.append(f"this worker does not offer the model {popped.model!r}")
    if popped.source_image or popped.source_mask or popped.extra_source_images:
        reasons.append("this worker renders from prompts alone, not from pictures")
    if payload.get("use_nsfw_censor") and not pictures_checked:
        reasons.append("use_nsfw_censor: this worker has no checker that could censor pictures")
    if payload.get("clip_skip", 1) != 1:
        reasons.append("clip_skip: these models have no CLIP layers to skip")
    reasons += [
        f"{name}: these models have nothing of the kind"
        for name, value in sorted(payload.items())
        if value and name not in _TAKEN_OVER and name not in _WITHOUT_EFFECT
    ]
    return reasons


def _sampler(payload: Mapping[str, Any], fields: JobFields, reasons: list[str]) -> list[str]:
    """Sets the sampler; what is to be told of it and of its schedule."""
    remarks = []
    name = payload.get("sampler_name")
    if name in SAMPLERS:
        fields["sampler"] = SAMPLERS[name]
    elif name in FILLED_IN_SAMPLERS:
        remarks.append(f"{name} does not work under flow matching: rendered with the model's own sampler")
    elif name is not None:
        known = ", ".join(sorted(SAMPLERS))
        reasons.append(f"sampler_name: {name!r} does not work under flow matching; these do: {known}")
    if payload.get("karras"):
        remarks.append("karras has no meaning under flow matching: rendered with the model's own noise schedule")
    return remarks


def _seeds(given: Any, picture_ids: list[str], reasons: list[str]) -> list[int]:
    """A seed for each picture, counted up from the first. Where none is given, the first comes from the job's id."""
    if given is None or given == "":
        first = zlib.crc32(picture_ids[0].encode()) if picture_ids else 0
    else:
        first = _whole("seed", given, reasons)
        if not 0 <= first <= MAX_SEED:
            reasons.append(f"seed: must be between 0 and {MAX_SEED}")
    return [(first + place) % (MAX_SEED + 1) for place in range(len(picture_ids))]


def _whole(name: str, given: Any, reasons: list[str]) -> int:
    """A whole number, which the Horde may send as text. What is none is added to `reasons`."""
    if isinstance(given, str) and given.isascii() and given.isdigit() and len(given) <= 20:
        return int(given)
    if isinstance(given, int) and not isinstance(given, bool):
        return given
    reasons.append(f"{name}: must be a whole number")
    return 0


def _real(name: str, given: Any, reasons: list[str]) -> float:
    if isinstance(given, int | float) and not isinstance(given, bool):
        return float(given)
    reasons.append(f"{name}: must be a number")
    return 0.0
