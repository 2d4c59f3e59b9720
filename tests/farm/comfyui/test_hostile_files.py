"""Graphs are passed from hand to hand: what was built to take all time and memory, or to break the reader, is refused.

Where one of these were not bounded, the test would not end.
"""

import json
import zlib
from contextlib import suppress
from io import BytesIO
from typing import Any

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from farm.comfyui.workflow.embedded import embedded_workflow
from farm.comfyui.workflow.expressions import evaluate
from farm.comfyui.workflow.flatten import MAX_NODES, flatten
from farm.comfyui.workflow.graph import CannotRender, NotAWorkflow
from farm.comfyui.workflow.ui_format import read_ui_format
from farm.comfyui.workflow.workflow_file import read_workflow, resolve
from tests.farm.comfyui.canvas import Canvas
from tests.farm.comfyui.sana_graph import read

Nodes = dict[str, dict[str, Any]]


def _doubling(kind: str, first: Any, more: dict[str, Any], count: int) -> Nodes:
    """Nodes of which each takes the one before twice; the last is 'd{count}'."""
    sides = ("string_a", "string_b") if kind == "StringConcatenate" else ("values.a", "values.b")
    nodes: Nodes = {}
    for number in range(1, count + 1):
        before = first if number == 1 else [f"d{number - 1}", 1 if kind == "ComfyMathExpression" else 0]
        nodes[f"d{number}"] = {"class_type": kind, "inputs": dict.fromkeys(sides, before) | more}
    return nodes


def test_what_is_taken_twice_over_and_over_is_made_once() -> None:
    nodes = _doubling("ComfyMathExpression", 20, {"expression": "max(a, b)"}, 60)
    assert read(nodes | {"6": {"steps": ["d60", 1]}}).fields["num_inference_steps"] == 20


@pytest.mark.parametrize(
    ("nodes", "changed", "said"),
    [
        (_doubling("StringConcatenate", "an owl ", {"delimiter": ""}, 60), {"3": {"text": ["d60", 0]}}, "characters"),
        (_doubling("ComfyMathExpression", 3, {"expression": "a * b"}, 60), {"6": {"steps": ["d60", 1]}}, "no number"),
        ({}, {"6": {"cfg": 10**400}}, "no number"),
        ({}, {"6": {"cfg": float("nan")}}, "no number"),
        ({}, {"6": {"steps": float("inf")}}, "no number"),
        ({}, {"6": {"steps": [["x" * 100_000] * 100]}}, "whole number"),
        (
            {"n": {"class_type": "ComfyNumberConvert", "inputs": {"value": "1e999"}}},
            {"6": {"steps": ["n", 1]}},
            "no number",
        ),
        (
            {"n": {"class_type": "ComfyMathExpression", "inputs": {"expression": "1e999 - 1e999"}}},
            {"6": {"steps": ["n", 1]}},
            "no number",
        ),
        (
            {"n": {"class_type": "ComfyMathExpression", "inputs": {"expression": "2"}}},
            {"6": {"steps": ["n", -7]}},
            "whole number",
        ),
        ({"n": {"class_type": "WanImageToVideo", "inputs": {}}}, {"6": {"positive": ["n", -7]}}, "nothing"),
    ],
)
def test_what_no_node_takes_is_refused_in_short_words(nodes: Nodes, changed: Nodes, said: str) -> None:
    with pytest.raises(CannotRender) as refused:
        read(nodes | changed)
    assert said in str(refused.value)
    assert len(str(refused.value)) < 2_000


@pytest.mark.parametrize(
    "expression",
    [
        "9**9**9",
        "1 << 99999999999",
        "*".join(["9" * 1_000] * 10_000),
        "(" * 1_000 + "1" + ")" * 1_000,
        "-" * 1_900 + "1",
        "1e999",
        "1e999 - 1e999",
        "99999999999999999999999999",
        "1\x00",
        "max()",
    ],
)
def test_arithmetic_has_an_end(expression: str) -> None:
    with pytest.raises(ValueError, match=r"expression|number|computed|known|null"):
        evaluate(expression, {})


def test_rounding_has_an_end_and_is_as_ever() -> None:
    assert (evaluate("round(7, -999999999999)", {}), evaluate("round(1.5, 999999999999)", {})) == (0, 1.5)
    found = [evaluate(text, {}) for text in ("round(7.5)", "round(1.25, 1)", "round(1250, -2)")]
    assert found == [8, 1.2, 1200]


def test_subgraphs_that_hold_nothing_are_counted_too() -> None:
    """Ten in each of ten levels: ten thousand million uses of an empty one."""
    levels = [Canvas(f"level {number}") for number in range(10)]
    for number, canvas in enumerate(levels[:-1]):
        for _ in range(10):
            canvas.node(f"level {number + 1}")
    outermost = Canvas()
    outermost.node("level 0")
    with pytest.raises(NotAWorkflow, match=f"more than {MAX_NODES:,}"):
        flatten(read_ui_format(outermost.document(*levels)))


def test_a_way_of_too_many_stations_is_refused() -> None:
    canvas = Canvas()
    before = canvas.node("VAEDecode", outputs="image")
    for _ in range(5_000):
        station = canvas.node("Reroute", inputs="image", outputs="image")
        canvas.link(before, 0, station, 0)
        before = station
    canvas.link(before, 0, canvas.node("SaveImage", inputs="images"), 0)
    with pytest.raises(NotAWorkflow, match="too much"):
        resolve(canvas.document())


def test_values_that_lie_deeply_in_each_other_are_read_or_refused() -> None:
    for depth in (100, 300, 900, 5_000, 100_000):
        deep = "[" * depth + "]" * depth
        for text in (
            '{"1": {"class_type": "SaveImage", "inputs": {"images": ["2", 0]}}, "2": {"class_type": %s}}',
            '{"nodes": [{"id": 1, "type": "SaveImage", "properties": {"proxyWidgets": [%s]}}]}',
            '{"nodes": [{"id": 1, "type": "GetNode", "widgets_values": [%s]}]}',
            '{"nodes": [{"id": 1, "type": "KSampler", "widgets_values": [1, %s]}]}',
        ):
            with suppress(NotAWorkflow):
                read_workflow(text % deep)


@pytest.mark.parametrize("value", [7, "x", [[7]], {"a": 1}, [{"originalEntry": 3}], True])
def test_properties_of_another_form_are_passed_over(value: Any) -> None:
    inner = Canvas("inner")
    inner.boundary("seed", "")
    inner.node("KSampler", [1, ["fixed"]], inputs="seed")
    inner.link(-10, 0, 1, 0)
    outer = Canvas()
    outer.node("inner", [value, value])
    outer.nodes[0]["properties"] = {"proxyWidgets": value, "proxyWidgetErrorQuarantine": value}
    assert len(flatten(read_ui_format(outer.document(inner))).nodes) == 1


def test_a_prompt_of_bars_is_read_at_once() -> None:
    assert read({"3": {"text": "{" + "|" * 500_000}}).notices == []
    assert len(read({"3": {"text": r"\{a|b} {a\|b} {red|green} owl"}}).notices) == 1


def test_a_graph_is_read_out_of_a_picture_however_large_that_is() -> None:
    """Of a header that promises 40,000 x 40,000 pixels nothing is unpacked, whether a graph is in it or not."""
    graph = json.dumps({"1": {"class_type": "SaveImage"}})
    with_graph, without = (_picture(text) for text in (graph, None))
    assert embedded_workflow(_as_if_large(with_graph)) == graph
    with pytest.raises(NotAWorkflow, match="No graph"):
        embedded_workflow(_as_if_large(without))


def _picture(graph: str | None) -> bytes:
    file, texts = BytesIO(), PngInfo()
    if graph is not None:
        texts.add_text("prompt", graph)
    Image.new("RGB", (8, 8)).save(file, "PNG", pnginfo=texts)
    return file.getvalue()


def _as_if_large(picture: bytes) -> bytes:
    """The header says another size; its checksum is right."""
    side = (40_000).to_bytes(4, "big")
    header = b"IHDR" + side + side + picture[24:29]
    return picture[:12] + header + zlib.crc32(header).to_bytes(4, "big") + picture[33:]
