"""A control picture on the way of a prompt: nodes that apply a ControlNet."""

from typing import Any

from farm.comfyui.model_names import controlled_model
from farm.comfyui.node_inputs import Reading
from farm.comfyui.pictures import read_picture
from farm.comfyui.prompts import HANDED_ON
from farm.comfyui.workflow.graph import Node
from farm.sentences import sentence

_APPLIES = frozenset({"ControlNetApply", "ControlNetApplyAdvanced"})
_EDGES = sentence("the farm draws no edges: the picture must be the control picture itself")


def read_control(reading: Reading, positive: tuple[Node, int] | None, model: str | None) -> dict[str, Any]:
    """Model, control picture and how closely it is followed; nothing where no ControlNet is applied."""
    node = _applied(reading, positive)
    if node is None:
        return {}
    source, name = reading.source(node, "control_net"), None
    if source is not None and source[0].kind == "ControlNetLoader":
        name = reading.value(source[0], "control_net_name", str, "model")
    elif source is not None:
        reading.report.refuse(source[0], "is no file of a ControlNet", "model")
    found = controlled_model(model, name) if model and name else None
    if found is None and name is not None:
        known = "Sana 1.6B at 1024 px with the HED edges that it was published with"
        reading.report.refuse(node, f"the farm has no ControlNet {name} for {model}, only {known}", "model")
    for part, whole in (("start_percent", 0.0), ("end_percent", 1.0)):
        if part in node.inputs and (value := reading.value(node, part, float)) not in (None, whole):
            reading.report.refuse(node, f"{part} is {value:g}; the farm follows the picture all the way ({whole:g})")
    strength = reading.value(node, "strength", float, "controlnet_conditioning_scale")
    picture = read_picture(reading, node, "image", "control_image", _EDGES)
    if strength is not None:
        reading.report.took(node, f"controlnet_conditioning_scale {strength:g}")
    fields = {"model": found, "controlnet_conditioning_scale": strength, "control_image": picture}
    return {field: value for field, value in fields.items() if value is not None}


def _applied(reading: Reading, source: tuple[Node, int] | None) -> Node | None:
    """The one node that applies a ControlNet on the way of the prompt; a second is a fault."""
    found: Node | None = None
    for _ in range(len(reading.graph.nodes)):
        if source is None or source[0].kind not in HANDED_ON or source[1] >= len(HANDED_ON[source[0].kind]):
            break
        node, slot = source
        if node.kind in _APPLIES:
            if found is not None:
                reading.report.refuse(node, "is a second ControlNet; the farm follows one picture")
                break
            found = node
        source = reading.source(node, HANDED_ON[node.kind][slot], needed=False)
    return found
