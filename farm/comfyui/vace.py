"""Wan VACE: the clip that a render follows, what of it is made anew, and what is to be seen."""

from typing import Any

from farm.comfyui.clips import read_clip
from farm.comfyui.node_inputs import Reading
from farm.comfyui.pictures import read_picture
from farm.comfyui.workflow.graph import Node
from farm.sentences import sentence

#: Makes prompts, latents and how many of these the reference takes, all of one node.
VACE = "WanVaceToVideo"
_TRIMS = "TrimVideoLatent"
_TRIMMED_BY = 3  # the output of VACE that says how many
_FITTED = sentence("ComfyUI crops the reference to the shape of the clip, the farm fits it in whole, on white")


def read_vace(reading: Reading, node: Node) -> dict[str, Any]:
    """Files and scale; sizes are read as those of other clips."""
    fields: dict[str, Any] = {}
    for name, field, through in (("control_video", "video", ""), ("control_masks", "mask", "ImageToMask")):
        if name in node.inputs and (found := read_clip(reading, node, name, field, through)):
            fields[field] = found
    if "reference_image" in node.inputs and "reference_images" not in reading.report.settled:
        picture = read_picture(reading, node, "reference_image", "reference_images", _FITTED)
        if picture is not None:
            fields["reference_images"] = [picture]
    strength = reading.value(node, "strength", float, "conditioning_scale") if "strength" in node.inputs else None
    if strength is not None and (fields or strength != 1):
        fields["conditioning_scale"] = strength
        reading.report.took(node, f"conditioning_scale {strength:g}")
    return fields


def past_the_trim(reading: Reading, decoded: tuple[Node, int] | None) -> tuple[Node, int] | None:
    """What makes the latents that are decoded, past the node that takes those of a reference off: the farm does too."""
    if decoded is None:
        return None
    node = decoded[0]
    if node.kind != _TRIMS:
        latents = reading.source(node, "latent_image", needed=False)
        if latents is not None and latents[0].kind == VACE and "reference_image" in latents[0].inputs:
            reading.report.notice(node, f"without {_TRIMS} the reference's frames are also in the clip; here never")
        return decoded
    amount = reading.source(node, "trim_amount", needed=False)
    made = reading.source(node, "samples")
    if made is None:
        return None
    latents = reading.source(made[0], "latent_image", needed=False)
    if amount is not None and amount[1] == _TRIMMED_BY and latents is not None and amount[0] is latents[0]:
        return made
    if amount is None and reading.value(node, "trim_amount", int) == 0:
        return made
    reading.report.refuse(node, f"takes off other frames than those of the reference of the clip's own {VACE}")
    return None
