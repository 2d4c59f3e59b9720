"""Wan Animate: the character, the clips of poses and face that move it, and where it is put."""

from typing import Any

from farm.comfyui.clips import read_clip
from farm.comfyui.node_inputs import Reading
from farm.comfyui.pictures import read_picture
from farm.comfyui.workflow.graph import Node
from farm.sentences import sentence

#: Makes prompts, latents, and how much the reference and the segment before take of these and of the frames.
ANIMATE = "WanAnimateToVideo"
_CUTS = "ImageFromBatch"
_CUT_BY = 4  # the output of ANIMATE that says how many frames are of the segment before
#: Input → parameter, and the node that a clip may go through on its way.
_MOVES = (("pose_video", "pose_video", ""), ("face_video", "face_video", ""))
_PLACES = (("background_video", "background_video", ""), ("character_mask", "mask_video", "ImageToMask"))
_FITTED = sentence("ComfyUI crops the character to the shape of the clip, the farm fits it in whole, on black")


def read_animate(reading: Reading, node: Node, num_frames: int | None) -> dict[str, Any]:
    """Files and mode; sizes are read as those of other clips. A node is one segment, so its length is that of all."""
    _refuse_segments(reading, node)
    fields: dict[str, Any] = {"image": read_picture(reading, node, "reference_image", "image", _FITTED)}
    placed = [name for name, field, _ in _PLACES if name in node.inputs or field in reading.report.settled]
    for name, field, through in (*_MOVES, *(_PLACES if placed else ())):
        fields[field] = read_clip(reading, node, name, field, through)
    fields["mode"] = "replace" if placed else "animate"
    reading.report.took(node, f"mode {fields['mode']}")
    if num_frames is not None:
        fields["segment_frame_length"] = num_frames
    return fields


def past_the_cut(reading: Reading, source: tuple[Node, int] | None) -> tuple[Node, int] | None:
    """What makes the frames, past the node that cuts those of the segment before off: the first has none before it."""
    if source is None or source[0].kind != _CUTS:
        return source
    begins = reading.source(source[0], "batch_index", needed=False)
    if begins is None or begins[0].kind != ANIMATE or begins[1] != _CUT_BY:
        return source
    return reading.source(source[0], "image")


def _refuse_segments(reading: Reading, node: Node) -> None:
    if "continue_motion" in node.inputs:
        reading.report.refuse(
            node, "goes on from another segment; the farm does that itself: keep the first, with the whole length"
        )
    offset = reading.value(node, "video_frame_offset", int) if "video_frame_offset" in node.inputs else None
    if offset:
        reading.report.refuse(node, f"begins at frame {offset} of its clips; the farm begins at the first: cut them")
