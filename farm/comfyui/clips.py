"""Clips that a graph loads: from the input of a node back to the file in ComfyUI's folder of inputs."""

from farm.comfyui.node_inputs import Reading
from farm.comfyui.workflow.graph import Node
from farm.params.request.declared import declared_fields
from farm.sentences import sentence

_BY_TIME = sentence(
    "ComfyUI takes the clip's frames one after the other, the farm by their time: the same where the clip has as many "
    "frames a second; ComfyUI crops them to the shape, the farm squeezes them"
)
_FRAMES = {"GetVideoComponents": "video"}
_LOADS = {"LoadVideo": "file"}


def read_clip(reading: Reading, node: Node, name: str, field: str, through: str) -> str | None:
    """The file of the clip behind an input, for `field` of a request; None, and a fault, where its frames are not those
    of one file. `through`: a node that it may go through on its way.
    """
    if field in reading.report.settled:
        return None
    option = declared_fields()[field].option_name
    if name not in node.inputs:
        reading.report.refuse(node, f"nothing leads to its input {name!r}; give a clip with {option}", field)
        return None
    source = reading.source(node, name)
    if source is not None and through and source[0].kind == through:
        source = reading.source(source[0], "image")
    frames = source
    if frames is not None and frames[0].kind in _FRAMES:
        frames = reading.source(frames[0], _FRAMES[frames[0].kind])
    if frames is None or source is None:
        return None
    if frames[0].kind not in _LOADS:
        reading.report.refuse(
            source[0], f"the farm takes a clip as it is stored; give the finished one with {option}", field
        )
        return None
    file = reading.value(frames[0], _LOADS[frames[0].kind], str, field)
    if file is not None:
        reading.report.took(frames[0], f"{field} {file}")
        reading.report.notice(node, _BY_TIME)
    return file
