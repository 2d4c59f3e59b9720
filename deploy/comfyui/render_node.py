"""What all nodes that render have in common: their widgets, and the way from these to a job and back."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, ClassVar

from farm.client import FarmClient, Render
from farm.params import MAX_SEED

from .connection import FARM, Farm
from .models import choices, largest, models_of
from .rendering import render
from .setting_nodes import LORAS, SAMPLER, SEEDS
from .uploads import rate_of, uploaded_clip, uploaded_picture, uploaded_pictures

#: Pictures or clips of one run; ComfyUI holds all of them in memory.
MOST_OUTPUTS = 64
#: By fields of the farm's request: the kind of the widget, its step, and what it says.
_NUMBERS = {
    "width": ("INT", 16, "pixels; 0: the model's own"),
    "height": ("INT", 16, "pixels; 0: the model's own"),
    "num_frames": ("INT", 1, "1 more than a multiple of 4; 0: the model's own"),
    "fps": ("INT", 1, "frames a second; 0: the model's own"),
    "num_inference_steps": ("INT", 1, "denoising steps; 0: the model's own"),
    "guidance_scale": ("FLOAT", 0.1, "how closely to follow the prompt, from 1; 0: the model's own"),
    "strength": ("FLOAT", 0.01, "how far the picture is noised first; 0: the model's own"),
    "controlnet_conditioning_scale": ("FLOAT", 0.05, "how closely the control picture is followed; 0: the model's own"),
    "conditioning_scale": ("FLOAT", 0.05, "how closely clip, mask and pictures are followed; 0: the model's own"),
    "segment_frame_length": ("INT", 1, "frames rendered at once, 1 more than a multiple of 4; 0: the model's own"),
    "prev_segment_conditioning_frames": ("INT", 1, "frames that segments share, 1 or 5; 0: the model's own"),
}
#: Fields whose widget is a list of what the models take.
_CHOICES = frozenset({"mode"})


class RenderNode:
    """A node that renders with the models of some families.

    Same inputs are the same pictures: ComfyUI keeps what a node made while its inputs stay as they are, so there is no
    IS_CHANGED here, and the farm's `Idempotency-Key` finds the job again after ComfyUI was restarted.
    """

    CATEGORY = "Latent Farm"
    FUNCTION = "render"
    FAMILIES: ClassVar[tuple[str, ...]]
    #: Fields of the request that are widgets, in their order; those of `_NUMBERS` mean with 0 what the model says.
    FIELDS: ClassVar[tuple[str, ...]]
    #: Fields of the request that are an uploaded picture, several of them, or a clip: optional inputs of type IMAGE.
    PICTURES: ClassVar[tuple[str, ...]] = ()
    PICTURE_LISTS: ClassVar[tuple[str, ...]] = ()
    CLIPS: ClassVar[tuple[str, ...]] = ()
    #: Those that are a grey clip: optional inputs of type MASK.
    MASKS: ClassVar[tuple[str, ...]] = ()
    #: How the farm is to store what is fetched: nothing is lost on the way.
    STORED: ClassVar[dict[str, Any]]

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        """As ComfyUI asks for it. Names are those of the farm's request."""
        models = models_of(cls.FAMILIES)
        seed = {"default": 0, "min": 0, "max": MAX_SEED, "control_after_generate": True}
        count = {"default": 1, "min": 1, "max": MOST_OUTPUTS, "tooltip": "outputs, with seed, seed + 1 …"}
        fields = {field: cls._widget(field) for field in cls.FIELDS}
        return {
            "required": {
                "model": ([model.name for model in models],),
                "prompt": ("STRING", {"default": "", "multiline": True, "dynamicPrompts": True}),
                **fields,
                "seed": ("INT", seed),
                "count": ("INT", count),
            },
            "optional": {
                "farm": (FARM,),
                "sampler": (SAMPLER,),
                "loras": (LORAS,),
                "seeds": (SEEDS, {"tooltip": "in place of seed and count"}),
                **dict.fromkeys((*cls.PICTURES, *cls.CLIPS, *cls.PICTURE_LISTS), ("IMAGE",)),
                **dict.fromkeys(cls.MASKS, ("MASK",)),
            },
        }

    @classmethod
    def VALIDATE_INPUTS(cls, model: str | None) -> bool | str:
        """Any model: another farm may have others, and says itself which."""
        return True if model is None or model.strip() else "no model is chosen"

    @classmethod
    def _widget(cls, field: str) -> tuple[str | list[str], dict[str, Any]]:
        if field == "negative_prompt":
            tooltip = "what to keep out; empty: the model's own"
            return "STRING", {"default": "", "multiline": True, "dynamicPrompts": True, "tooltip": tooltip}
        if field in _CHOICES:
            return choices(models_of(cls.FAMILIES), field), {}
        kind, step, tooltip = _NUMBERS[field]
        number = int if kind == "INT" else float
        most = number(largest(cls.FAMILIES, field))
        return kind, {"default": number(0), "min": number(0), "max": most, "step": step, "tooltip": tooltip}

    def render(
        self,
        model: str,
        prompt: str,
        seed: int,
        count: int,
        farm: Farm | None = None,
        sampler: dict[str, Any] | None = None,
        loras: tuple[dict[str, Any], ...] = (),
        seeds: tuple[int, ...] | None = None,
        **inputs: Any,
    ) -> tuple[Any, ...]:
        """What ComfyUI runs: the outputs of the node."""
        farm = farm or Farm()
        fields = {"class_name": farm.class_name, **self.STORED, **(sampler or {})}
        fields |= {field: inputs[field] for field in self.FIELDS if inputs.get(field)}
        fields["seeds"] = list(seeds or ((seed + index) % (MAX_SEED + 1) for index in range(count)))
        if loras:
            fields["loras"] = list(loras)
        with farm.open() as client, tempfile.TemporaryDirectory(prefix="latent-farm-") as folder:
            fields |= self._uploaded(client, model, fields, inputs)
            found = render(client, model, prompt, fields, Path(folder))
            return self.outputs(found)

    def _uploaded(
        self, client: FarmClient, model: str, fields: dict[str, Any], inputs: dict[str, Any]
    ) -> dict[str, Any]:
        """The fields that name what is plugged in; with clips also at how many frames a second they are taken."""
        given = {field: found for field, found in inputs.items() if found is not None and field not in self.FIELDS}
        made: dict[str, Any] = {}
        if not given.keys().isdisjoint((*self.CLIPS, *self.MASKS)):
            made["fps"] = rate = rate_of(client, model, fields)
        for field, found in given.items():
            if field in self.PICTURES:
                made[field] = uploaded_picture(client, found, field)
            elif field in self.PICTURE_LISTS:
                made[field] = uploaded_pictures(client, found, field)
            else:
                made[field] = uploaded_clip(client, found, field, rate)
        return made

    def outputs(self, found: list[tuple[Render, Path]]) -> tuple[Any, ...]:
        """The values of the node's sockets, of renders and their files."""
        raise NotImplementedError
