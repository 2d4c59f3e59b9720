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


class WanVaceNode(ClipNode):
    """Wan VACE, with a clip that it follows or changes, and pictures of what is to be seen."""

    DESCRIPTION = "Clips by Wan VACE on a farm: they follow a clip, change a part of one, or show what is in pictures."
    FAMILIES: ClassVar = ("wan-vace",)
    FIELDS: ClassVar = (*WanNode.FIELDS, "conditioning_scale")
    CLIPS: ClassVar = ("video",)
    MASKS: ClassVar = ("mask",)
    PICTURE_LISTS: ClassVar = ("reference_images",)


class WanAnimateNode(ClipNode):
    """Wan Animate: a character, and the clips that move and place it."""

    DESCRIPTION = (
        "Clips by Wan Animate on a farm: the character of a picture, moved as clips of poses and a face say, or put "
        "into a clip in the place of somebody. Long clips need no chain of nodes: the farm renders their segments."
    )
    FAMILIES: ClassVar = ("wan-animate",)
    FIELDS: ClassVar = ("mode", *WanNode.FIELDS, "segment_frame_length", "prev_segment_conditioning_frames")
    PICTURES: ClassVar = ("image",)
    CLIPS: ClassVar = ("pose_video", "face_video", "background_video")
    MASKS: ClassVar = ("mask_video",)


class SanaVideoNode(ClipNode):
    """SANA-Video."""

    DESCRIPTION = "Clips by SANA-Video on a farm."
    FAMILIES: ClassVar = ("sana-video",)
    FIELDS: ClassVar = WanNode.FIELDS
