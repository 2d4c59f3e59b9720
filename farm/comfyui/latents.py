"""The latents that a sampler begins with: size, frames, how many, and the picture that a clip begins with."""

from typing import Any

from farm.comfyui.node_inputs import Reading
from farm.comfyui.workflow.graph import Node

_EMPTY = frozenset({"EmptyLatentImage", "EmptySD3LatentImage", "EmptyHunyuanLatentVideo", "EmptySanaLatentImage"})
#: Of a clip that begins with a picture; of the second it may.
_FROM_A_PICTURE = ("WanImageToVideo", "Wan22ImageToVideoLatent")
_FRAMES_PER_LATENT = 4  # of Wan's video VAE, as both ComfyUI and the farm have it


def read_latents(reading: Reading, node: Node) -> dict[str, Any]:
    """The fields that the latents settle; `image` is the name of a file in ComfyUI's folder of inputs."""
    if node.kind not in _EMPTY and node.kind not in _FROM_A_PICTURE:
        reading.report.refuse(node, "makes latents that the farm does not begin with")
        return {}
    fields: dict[str, Any] = {}
    for name in ("width", "height"):
        fields[name] = reading.value(node, name, int, name)
    if "length" in node.inputs:
        fields["num_frames"] = _frames(reading, node)
    fields["batch_size"] = reading.value(node, "batch_size", int) if "batch_size" in node.inputs else 1
    said = ", ".join(f"{name} {value}" for name, value in fields.items() if value is not None and name != "batch_size")
    reading.report.took(node, said)
    if node.kind == "WanImageToVideo" or (node.kind in _FROM_A_PICTURE and "start_image" in node.inputs):
        fields["image"] = _first_frame(reading, node)
    return {name: value for name, value in fields.items() if value is not None}


def _frames(reading: Reading, node: Node) -> int | None:
    """As many as come out: ComfyUI cuts what is over the last whole latent."""
    asked = reading.value(node, "length", int, "num_frames")
    if asked is None:
        return None
    made = (asked - 1) // _FRAMES_PER_LATENT * _FRAMES_PER_LATENT + 1
    if made != asked:
        reading.report.notice(node, f"a length of {asked} makes {made} frames, in ComfyUI as here")
    return made


def _first_frame(reading: Reading, node: Node) -> str | None:
    if "image" in reading.report.settled:
        return None
    if "start_image" not in node.inputs:
        reading.report.refuse(node, "nothing leads to its input 'start_image'; give a picture with --image", "image")
        return None
    source = reading.source(node, "start_image")
    if source is None:
        return None
    if source[0].kind == "ImageScale":  # it is scaled once more to the size of the clip
        reading.report.notice(source[0], "is left out: the farm scales the picture to the size of the clip itself")
        source = reading.source(source[0], "image")
    if source is None:
        return None
    if source[0].kind != "LoadImage":
        reading.report.refuse(
            source[0], "the farm begins with a picture as it is stored; give the finished one with --image", "image"
        )
        return None
    name = reading.value(source[0], "image", str, "image")
    if name is not None:
        reading.report.took(source[0], f"image {name}")
        reading.report.notice(
            node,
            "ComfyUI crops the picture to the shape of the clip, the farm squeezes it: crop it before if they differ",
        )
    return name
