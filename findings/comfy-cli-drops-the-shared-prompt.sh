#!/usr/bin/env bash
# Two ways in which comfy-cli 1.23.0, ComfyUI's own command line, changes a workflow that it sends (`comfy run` converts the
# format of the canvas to that of the API by `comfy_cli.workflow_to_api`), seen 2026-11-29:
#
#   1. An input of a subgraph with a text on it that leads to two nodes inside, a text widget and a plain socket of a switch:
#      the text reaches the widget and not the socket. The switch, and all behind it, gets nothing: the prompt is gone.
#      The browser hands the value of the subgraph's widget to every input that the link leads to (ExecutableNodeDTO.
#      resolveInput, `widgetInfo`). Five templates of comfyui-workflow-templates-json 0.1.123 are made so, four of Qwen-Image 2.1.
#   2. A bypassed node without an input of the wanted type (CLIPVisionEncode before WanImageToVideo): the browser leaves the
#      link out, since nothing fits (#getBypassSlotIndex is -1). comfy-cli hands on the input in the same place, a
#      CLIP_VISION where a CLIP_VISION_OUTPUT is wanted, which ComfyUI refuses as a mismatch of types.
#
# Expected before it was tried: what the browser sends. The graphs below are of our own making; control cases (the same with
# the text by a link from outside; a bypassed node with a fitting input) come out right. Install, no server and no GPU;
# exits with 1 if any of that is different.
set -euo pipefail

folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "comfy-cli==1.23.0"

cat > "$folder/probe.py" <<'PYTHON'
import sys
from importlib.metadata import version

from comfy_cli.workflow_to_api import convert_ui_to_api

TEXT, SUBGRAPH = "a red fox", "11111111-2222-3333-4444-555555555555"
ANY = ["COMFY_MATCHTYPE_V3", {"lazy": True}]
#: As a server of ComfyUI describes these nodes at /object_info, shortened.
NODES = {
    "PrimitiveString": {"input": {"required": {"value": ["STRING", {}]}}, "output": ["STRING"]},
    "CLIPTextEncode": {
        "input": {"required": {"text": ["STRING", {"multiline": True}], "clip": ["CLIP"]}},
        "output": ["CONDITIONING"],
    },
    "ComfySwitchNode": {
        "input": {"required": {"switch": ["BOOLEAN", {}]}, "optional": {"on_false": ANY, "on_true": ANY}},
        "output": ["COMFY_MATCHTYPE_V3"],
    },
    "PreviewAny": {"input": {"required": {"source": ["*", {}]}}, "output": ["STRING"], "output_node": True},
    "CLIPVisionLoader": {"input": {"required": {"clip_name": [["clip.safetensors"]]}}, "output": ["CLIP_VISION"]},
    "CLIPVisionEncode": {
        "input": {"required": {"clip_vision": ["CLIP_VISION"], "image": ["IMAGE"], "crop": [["center", "none"]]}},
        "output": ["CLIP_VISION_OUTPUT"],
    },
    "ImageInvert": {"input": {"required": {"image": ["IMAGE"]}}, "output": ["IMAGE"]},
    "LoadImage": {"input": {"required": {"image": [["fox.png"]]}}, "output": ["IMAGE", "MASK"]},
    "WanImageToVideo": {
        "input": {"required": {}, "optional": {"clip_vision_output": ["CLIP_VISION_OUTPUT"], "start_image": ["IMAGE"]}},
        "output": ["CONDITIONING", "CONDITIONING", "LATENT"],
    },
}


def socket(name, type_, link=None, widget=False):
    return {"name": name, "type": type_, "link": link} | ({"widget": {"name": name}} if widget else {})


def node(id_, type_, values, inputs, outputs, mode=0):
    sockets = [{"name": kind, "type": kind, "links": links} for kind, links in outputs]
    return {"id": id_, "type": type_, "mode": mode, "inputs": inputs, "outputs": sockets, "widgets_values": values}


def link(id_, origin, origin_slot, target, target_slot, type_):
    names = ("id", "origin_id", "origin_slot", "target_id", "target_slot", "type")
    return dict(zip(names, (id_, origin, origin_slot, target, target_slot, type_)))


def shared_prompt(from_outside):
    """A subgraph whose input `text` leads to a text widget and to a switch; given on it, or by a link."""
    inside = [
        node(1, "CLIPTextEncode", [""], [socket("clip", "CLIP"), socket("text", "STRING", 1, True)], [("CONDITIONING", [])]),
        node(2, "ComfySwitchNode", [False], [socket("on_false", "STRING", 2)], [("STRING", [3])]),
        node(3, "PreviewAny", [], [socket("source", "*", 3)], []),
    ]
    links = [link(1, -10, 0, 1, 1, "STRING"), link(2, -10, 0, 2, 0, "STRING"), link(3, 2, 0, 3, 0, "STRING")]
    subgraph = {"id": SUBGRAPH, "name": "Prompt", "nodes": inside, "links": links, "outputs": [], "widgets": []}
    subgraph |= {"inputs": [{"id": "a", "name": "text", "type": "STRING", "linkIds": [1, 2]}]}
    subgraph |= {"inputNode": {"id": -10}, "outputNode": {"id": -20}}
    use = node(10, SUBGRAPH, [TEXT], [socket("text", "STRING", 9 if from_outside else None, True)], [])
    outer = [use, node(11, "PrimitiveString", [TEXT], [], [("STRING", [9])])] if from_outside else [use]
    outer_links = [[9, 11, 0, 10, 0, "STRING"]] if from_outside else []
    return {"nodes": outer, "links": outer_links, "definitions": {"subgraphs": [subgraph]}, "version": 0.4}


def bypassed():
    """A clip that begins with a picture; CLIPVisionEncode and ImageInvert before it are bypassed."""
    wan = [socket("clip_vision_output", "CLIP_VISION_OUTPUT", 3), socket("start_image", "IMAGE", 5)]
    vision = [socket("clip_vision", "CLIP_VISION", 1), socket("image", "IMAGE", 2)]
    nodes = [
        node(1, "CLIPVisionLoader", ["clip.safetensors"], [], [("CLIP_VISION", [1])]),
        node(2, "LoadImage", ["fox.png", "image"], [], [("IMAGE", [2, 4]), ("MASK", [])]),
        node(3, "CLIPVisionEncode", ["center"], vision, [("CLIP_VISION_OUTPUT", [3])], mode=4),
        node(4, "ImageInvert", [], [socket("image", "IMAGE", 4)], [("IMAGE", [5])], mode=4),
        node(5, "WanImageToVideo", [], wan, [("CONDITIONING", []), ("CONDITIONING", []), ("LATENT", [])]),
    ]
    links = [
        [1, 1, 0, 3, 0, "CLIP_VISION"],
        [2, 2, 0, 3, 1, "IMAGE"],
        [3, 3, 0, 5, 0, "CLIP_VISION_OUTPUT"],
        [4, 2, 0, 4, 0, "IMAGE"],
        [5, 4, 0, 5, 1, "IMAGE"],
    ]
    return {"nodes": nodes, "links": links, "version": 0.4}


print(f"comfy-cli {version('comfy-cli')}, Python {sys.version.split()[0]}")
given = convert_ui_to_api(shared_prompt(from_outside=False), NODES)
linked = convert_ui_to_api(shared_prompt(from_outside=True), NODES)
print("text on the subgraph:", {id_: given[id_]["inputs"] for id_ in sorted(given)})
print("text by a link:      ", {id_: linked[id_]["inputs"] for id_ in sorted(linked)})
as_seen = given["10:1"]["inputs"]["text"] == TEXT and "on_false" not in given["10:2"]["inputs"]
as_seen &= linked["10:1"]["inputs"]["text"] == linked["10:2"]["inputs"]["on_false"] == ["11", 0]

sent = convert_ui_to_api(bypassed(), NODES)["5"]["inputs"]
print("behind bypassed nodes:", sent)
as_seen &= sent["start_image"] == ["2", 0]
as_seen &= sent.get("clip_vision_output") == ["1", 0]  # CLIPVisionLoader's output, a CLIP_VISION
sys.exit(0 if as_seen else 1)
PYTHON
"$folder/venv/bin/python" "$folder/probe.py"
