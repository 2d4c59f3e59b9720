"""Pictures that a graph loads: from the input of a node back to the file in ComfyUI's folder of inputs."""

from farm.comfyui.node_inputs import Reading
from farm.comfyui.workflow.graph import Node
from farm.params.request.declared import declared_fields

#: It is scaled once more to the size of the output.
_SCALE = "ImageScale"


def read_picture(reading: Reading, node: Node, name: str, field: str, remark: str) -> str | None:
    """The file behind an input, for `field` of a request; None, and a fault, if it is no file as it is stored."""
    if field in reading.report.settled:
        return None
    option = declared_fields()[field].option_name
    if name not in node.inputs:
        reading.report.refuse(node, f"nothing leads to its input {name!r}; give a picture with {option}", field)
        return None
    source = reading.source(node, name)
    if source is not None and source[0].kind == _SCALE:
        reading.report.notice(source[0], "is left out: the farm scales the picture to the size of the output itself")
        source = reading.source(source[0], "image")
    if source is None:
        return None
    if source[0].kind != "LoadImage":
        reading.report.refuse(
            source[0], f"the farm takes a picture as it is stored; give the finished one with {option}", field
        )
        return None
    found = reading.value(source[0], "image", str, field)
    if found is not None:
        reading.report.took(source[0], f"{field} {found}")
        reading.report.notice(node, remark)
    return found


def scaled_size(reading: Reading, node: Node, name: str) -> dict[str, int]:
    """Width and height to which the picture of an input is scaled before it is used; nothing where it is not."""
    source = reading.source(node, name, needed=False)
    if source is None or source[0].kind != _SCALE:
        return {}
    found = {side: reading.value(source[0], side, int, side) for side in ("width", "height")}
    return {side: value for side, value in found.items() if value}  # 0: by the other side
