"""The prompts of a sampler, and what ComfyUI reads in them that the farm does not."""

import re

from farm.comfyui.node_inputs import Reading
from farm.comfyui.workflow.graph import Node

_ENCODERS = frozenset({"CLIPTextEncode", "SanaTextEncode", "GemmaTextEncode"})
#: Nodes that hand prompts on: the inputs by the places of the outputs.
HANDED_ON = {
    "WanImageToVideo": ("positive", "negative"),
    "WanFirstLastFrameToVideo": ("positive", "negative"),
    "WanVaceToVideo": ("positive", "negative"),
    "WanAnimateToVideo": ("positive", "negative"),
    "ControlNetApply": ("conditioning",),
    "ControlNetApplyAdvanced": ("positive", "negative"),
}
_BRACED = re.compile(r"(?<!\\)\{([^{}]*)(?<!\\)\}")
_BAR = re.compile(r"(?<!\\)\|")


def read_prompt(reading: Reading, source: tuple[Node, int], field: str) -> str | None:
    """The text that a sampler is given as this field; None, and a fault, if it is not one text."""
    node, slot = source
    for _ in range(len(HANDED_ON) + 1):
        if node.kind not in HANDED_ON or slot >= len(HANDED_ON[node.kind]):
            break
        before = reading.source(node, HANDED_ON[node.kind][slot])
        if before is None:
            return None
        node, slot = before
    if node.kind == "ConditioningZeroOut":
        reading.report.notice(node, "the farm has no empty conditioning; an empty prompt stands for it")
        return ""
    if node.kind not in _ENCODERS:
        reading.report.refuse(node, "steers the model by more than one text, which the farm does not", field)
        return None
    text = reading.value(node, "text", str, field)
    if text is None:
        return None
    reading.report.took(node, field)
    return _as_read_there(reading, node, text)


def _as_read_there(reading: Reading, node: Node, text: str) -> str:
    """Without the backslash of \\( and \\), which ComfyUI takes off."""
    if any(_BAR.search(found[1]) for found in _BRACED.finditer(text)):
        reading.report.notice(
            node, "of {a|b} the farm takes one by chance as ComfyUI does, though not the same: its seed says which"
        )
    if re.search(r"(?<!\\)[()]", text):
        reading.report.notice(
            node, "(words) and (words:1.2) are weights in ComfyUI; here they stay as they are written"
        )
    return text.replace(r"\(", "(").replace(r"\)", ")")
