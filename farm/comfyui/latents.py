"""The latents that a sampler begins with: size, frames, how many, and the pictures that it begins with."""

from typing import Any

from farm.comfyui.animate import ANIMATE, read_animate
from farm.comfyui.node_inputs import Reading
from farm.comfyui.pictures import read_picture, scaled_size
from farm.comfyui.vace import VACE, read_vace
from farm.comfyui.workflow.graph import Node
from farm.sentences import sentence

_EMPTY = frozenset(
    {
        "EmptyLatentImage", "EmptySD3LatentImage", "EmptyHunyuanLatentVideo", "EmptySanaLatentImage",
        "EmptyHunyuanImageLatent",
    }
)  # fmt: skip
#: Of a clip that begins with a picture; of the second it may.
_FROM_A_PICTURE = ("WanImageToVideo", "Wan22ImageToVideoLatent")
_BETWEEN_PICTURES = "WanFirstLastFrameToVideo"
_KNOWN = _EMPTY | {*_FROM_A_PICTURE, _BETWEEN_PICTURES, VACE, ANIMATE}
#: Latents of a picture, noised in part.
PICTURE = "VAEEncode"
_FRAMES_PER_LATENT = 4  # of Wan's video VAE, as both ComfyUI and the farm have it
_SQUEEZED = sentence(
    "ComfyUI crops the picture to the shape of the clip, the farm squeezes it: crop it before if they differ"
)
_AS_IT_IS = sentence("the picture is taken in its own size; give --width and --height for another")


def read_latents(reading: Reading, node: Node, model: str | None) -> dict[str, Any]:
    """The fields that the latents settle; pictures are names of files in ComfyUI's folder of inputs."""
    if node.kind == PICTURE:
        return _encoded(reading, node, model)
    if node.kind not in _KNOWN:
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
    if node.kind == VACE:
        return {name: value for name, value in (fields | read_vace(reading, node)).items() if value is not None}
    if node.kind == ANIMATE:
        fields |= read_animate(reading, node, fields.get("num_frames"))
        return {name: value for name, value in fields.items() if value is not None}
    if node.kind not in _EMPTY and (node.kind != "Wan22ImageToVideoLatent" or "start_image" in node.inputs):
        fields["image"] = read_picture(reading, node, "start_image", "image", _SQUEEZED)
    if node.kind == _BETWEEN_PICTURES:
        fields["last_image"] = read_picture(reading, node, "end_image", "last_image", _SQUEEZED)
    return {name: value for name, value in fields.items() if value is not None}


def _encoded(reading: Reading, node: Node, model: str | None) -> dict[str, Any]:
    """A picture that is rendered over in part."""
    if "model" not in reading.report.settled and model is not None and not model.startswith("sprint-"):
        reading.report.refuse(
            node, f"{model} begins with noise alone; of the farm's models SANA-Sprint renders over one"
        )
        return {}
    size = scaled_size(reading, node, "pixels")
    picture = read_picture(
        reading, node, "pixels", "image", sentence("its picture is scaled to the size") if size else _AS_IT_IS
    )
    return size if picture is None else {"image": picture, **size}


def _frames(reading: Reading, node: Node) -> int | None:
    """As many as come out: ComfyUI cuts what is over the last whole latent."""
    asked = reading.value(node, "length", int, "num_frames")
    if asked is None:
        return None
    made = (asked - 1) // _FRAMES_PER_LATENT * _FRAMES_PER_LATENT + 1
    if made != asked:
        reading.report.notice(node, f"a length of {asked} makes {made} frames, in ComfyUI as here")
    return made
