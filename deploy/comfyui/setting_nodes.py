"""What may be plugged into the nodes that render: sampler, LoRAs, seeds. Each makes fields of the farm's request."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from farm.catalog.adapters import WEIGHTS
from farm.catalog.supported_features import ABILITIES

from .models import choices, largest, models_of

FAMILIES = tuple(ABILITIES)
SAMPLER, LORAS, SEEDS = "LATENT_FARM_SAMPLER", "LATENT_FARM_LORAS", "LATENT_FARM_SEEDS"
#: In lists: what the model does by itself.
AS_THE_MODEL = "as the model has it"


class SamplerNode:
    """How a render is sampled."""

    CATEGORY = "Latent Farm"
    DESCRIPTION = "Sampler, timestep shift and speed. What is left at 0, the model says."
    RETURN_TYPES: ClassVar = (SAMPLER,)
    RETURN_NAMES: ClassVar = ("sampler",)
    FUNCTION = "choose"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """As ComfyUI asks for it."""
        shift = {"default": 0.0, "min": 0.0, "max": largest(FAMILIES, "flow_shift"), "step": 0.1}
        return {
            "required": {
                "sampler": ([AS_THE_MODEL, *choices(models_of(FAMILIES), "sampler")],),
                "flow_shift": ("FLOAT", shift),
                "speed": (["quality", "fast"], {"tooltip": "fast leaves out of passes what hardly changes"}),
                "deterministic": ("BOOLEAN", {"default": False, "tooltip": "alone: slower, the same bytes again"}),
            }
        }

    @classmethod
    def VALIDATE_INPUTS(cls, sampler: str | None) -> bool:
        """Any sampler: another farm may have others, and says itself which."""
        return True

    def choose(self, sampler: str, flow_shift: float, speed: str, deterministic: bool) -> tuple[dict[str, Any]]:
        """Fields of the request; none for what the model says."""
        fields: dict[str, Any] = {} if sampler == AS_THE_MODEL else {"sampler": sampler}
        if flow_shift:
            fields["flow_shift"] = flow_shift
        if speed != "quality":
            fields["speed"] = speed
        if deterministic:
            fields["deterministic"] = True
        return (fields,)


class LoraNode:
    """A LoRA more. Several are chained."""

    CATEGORY = "Latent Farm"
    DESCRIPTION = "An adapter of the farm's catalog by its name, or an uploaded one by its id (farm inputs)."
    RETURN_TYPES: ClassVar = (LORAS,)
    RETURN_NAMES: ClassVar = ("loras",)
    FUNCTION = "add"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """As ComfyUI asks for it."""
        weight = {"default": 1.0, "min": WEIGHTS[0], "max": WEIGHTS[1], "step": 0.05}
        return {
            "required": {"name": ("STRING", {"default": ""}), "weight": ("FLOAT", weight)},
            "optional": {"loras": (LORAS,)},
        }

    def add(
        self, name: str, weight: float, loras: tuple[dict[str, Any], ...] = ()
    ) -> tuple[tuple[dict[str, Any], ...]]:
        """Those before, and this one."""
        return ((*loras, {"name": name.strip(), "weight": weight}),)


class SeedsNode:
    """Seeds as a text: browsers round the numbers of their widgets above 2^53."""

    CATEGORY = "Latent Farm"
    DESCRIPTION = "A render for each seed, 0 to 18446744073709551615, with spaces or commas between them."
    RETURN_TYPES: ClassVar = (SEEDS,)
    RETURN_NAMES: ClassVar = ("seeds",)
    FUNCTION = "read"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """As ComfyUI asks for it."""
        return {"required": {"seeds": ("STRING", {"default": "1, 2, 3, 4", "multiline": True})}}

    @classmethod
    def VALIDATE_INPUTS(cls, seeds: str | None) -> bool | str:
        """In words what is no seed; None: a link brings the text later."""
        try:
            seeds_in("0" if seeds is None else seeds)
        except ValueError as error:
            return str(error)
        return True

    def read(self, seeds: str) -> tuple[tuple[int, ...]]:
        """The seeds, in their order."""
        return (seeds_in(seeds),)


def seeds_in(text: str) -> tuple[int, ...]:
    """The seeds of a text. Raises ValueError in words; -1 is none here, or the same inputs would be other pictures."""
    words = [word for word in re.split(r"[\s,;]+", text) if word]
    for word in words:
        if not (word.isascii() and word.isdecimal()) or int(word) >= 2**64:
            raise ValueError(f"{word!r} is no seed: a seed is a whole number from 0 to {2**64 - 1}")
    if not words:
        raise ValueError("there is no seed in it")
    return tuple(map(int, words))
