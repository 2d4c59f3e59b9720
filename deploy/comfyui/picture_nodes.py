"""Nodes that make pictures: a batch of one for each seed."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from farm.client import Render

from .render_node import RenderNode
from .tensors import read_pictures


class PictureNode(RenderNode):
    """Renders pictures."""

    RETURN_TYPES: ClassVar = ("IMAGE", "STRING")
    RETURN_NAMES: ClassVar = ("images", "job")
    OUTPUT_TOOLTIPS: ClassVar = ("one for each seed", "the job's id on the farm")
    STORED: ClassVar = {"output_format": "png"}

    def outputs(self, found: list[tuple[Render, Path]]) -> tuple[Any, ...]:
        """The pictures [seeds, height, width, 3], and the job's id."""
        return read_pictures(path for _, path in found), found[0][0].job_id


class SanaNode(PictureNode):
    """Sana and SANA-1.5, also with a control picture."""

    DESCRIPTION = "Pictures by Sana on a farm. With a control picture, choose a model of Sana ControlNet."
    FAMILIES: ClassVar = ("sana", "sana-controlnet")
    FIELDS: ClassVar = (
        "negative_prompt",
        "width",
        "height",
        "num_inference_steps",
        "guidance_scale",
        "controlnet_conditioning_scale",
    )
    PICTURES: ClassVar = ("control_image",)


class SprintNode(PictureNode):
    """SANA-Sprint, also from a picture."""

    DESCRIPTION = "Pictures by SANA-Sprint on a farm, in one to four steps. With a picture it starts from that."
    FAMILIES: ClassVar = ("sprint",)
    FIELDS: ClassVar = ("width", "height", "num_inference_steps", "guidance_scale", "strength")
    PICTURES: ClassVar = ("image",)
