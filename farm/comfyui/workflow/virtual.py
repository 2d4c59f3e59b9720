"""Nodes of the canvas that do not run: notes, and those that only lead a link or a value elsewhere."""

from farm.comfyui.workflow.ui_format import CanvasNode

PRIMITIVE = "PrimitiveNode"
#: Of ComfyUI, rgthree's nodes and KJNodes.
REROUTES = frozenset({"Reroute", "Reroute (rgthree)"})
GET, SET = "GetNode", "SetNode"
_NOTES = frozenset({"Note", "MarkdownNote", "Label (rgthree)", "Fast Groups Bypasser (rgthree)", "Bookmark (rgthree)"})
_VIRTUAL = frozenset({PRIMITIVE, GET, SET}) | REROUTES | _NOTES


def name_of(node: CanvasNode) -> str:
    """The name under which a SetNode sets, and a GetNode gets."""
    values = node.widgets_values
    return str(values[0]) if isinstance(values, list) and values else ""


def is_virtual(node: CanvasNode) -> bool:
    """Whether it only stands on the canvas."""
    return node.type in _VIRTUAL
