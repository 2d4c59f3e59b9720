"""Nodes that make clips: their frames as one batch, a clip for each seed, one after the other."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import torch

from farm.client import Render

from .render_node import RenderNode
from .tensors import read_clip


class ClipNode(RenderNode):
    """Renders clips."""

    RETURN_TYPES: ClassVar = ("IMAGE", "FLOAT", "STRING")
    RETURN_NAMES: ClassVar = ("frames", "fps", "job")
    OUTPUT_TOOLTIPS: ClassVar = (
        "of all clips, one after the other",
        "for Create Video",
        "the id of the job on the farm",
    )
    # Of the formats of a clip the one that can keep every bit.
    STORED: ClassVar = {"output_format": "webp", "output_quality": 100}

    def outputs(self, found: list[tuple[Render, Path]]) -> tuple[Any, ...]:
        """The frames [seeds x frames, height, width, 3], the frames a second, and the job's id."""
        fps = float(found[0][0].parameters["fps"])
        clips = [read_clip(path, int(render.parameters["num_frames"]), fps) for render, path in found]
        return torch.cat(clips), fps, found[0][0].job_id


class WanNode(ClipNode):
    """Wan, from a text or from a first picture."""

    DESCRIPTION = "Clips by Wan on a farm. With a first picture, choose a model of image to video."
    FAMILIES: ClassVar = ("wan", "wan-i2v", "wan-flf2v", "wan-vace", "wan22", "wan22-i2v", "wan22-ti2v")
    FIELDS: ClassVar = (
        "negative_prompt",
        "width",
        "height",
        "num_frames",
        "fps",
        "num_inference_steps",
        "guidance_scale",
    )
    PICTURES: ClassVar = ("image", "last_image")


class SanaVideoNode(ClipNode):
    """SANA-Video."""

    DESCRIPTION = "Clips by SANA-Video on a farm."
    FAMILIES: ClassVar = ("sana-video",)
    FIELDS: ClassVar = WanNode.FIELDS
