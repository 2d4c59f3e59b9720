"""Whatever stands between two nodes on the canvas, the graph that runs is the one with a plain link."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farm.comfyui.workflow.flatten import flatten
from farm.comfyui.workflow.graph import Graph, Link, NotAWorkflow
from farm.comfyui.workflow.ui_format import MUTED, read_ui_format
from tests.farm.comfyui.canvas import STATIONS, Canvas, Document, between, stations


def resolved(document: Document) -> Graph:
    return flatten(read_ui_format(document))


@given(stations)
def test_any_way_between_two_nodes_is_the_direct_link(ways: list[str]) -> None:
    canvas, subgraphs = Canvas(), list[Canvas]()
    loader = canvas.node("UNETLoader", ["wan.safetensors", "default"], outputs="model")
    origin, slot = loader, 0
    for way in ways:
        origin, slot = between(canvas, subgraphs, origin, slot, way)
    sampler = canvas.node("ModelSamplingSD3", [5], inputs="model", outputs="model")
    canvas.link(origin, slot, sampler, 0)

    graph = resolved(canvas.document(*subgraphs))

    assert {node.kind: dict(node.inputs) for node in graph.nodes.values()} == {
        "UNETLoader": {"unet_name": "wan.safetensors", "weight_dtype": "default"},
        "ModelSamplingSD3": {"shift": 5, "model": Link(str(loader), 0)},
    }


@given(st.integers(0, 2**32), st.integers(0, 5), st.sampled_from(["primitive", "use", "proxy", "aside", "own"]))
def test_a_value_goes_through_any_depth_of_subgraphs(value: int, depth: int, given_by: str) -> None:
    """The number on the node inside is dead, unless nobody outside says another."""
    inner = Canvas("level-0")
    inner.boundary("seed", "")
    node = inner.node("RandomNoise", [-1, "fixed"], inputs="noise_seed")
    inner.nodes[0]["inputs"][0]["widget"] = {"name": "noise_seed"}
    inner.link(-10, 0, node, 0)
    subgraphs = [inner]
    for level in range(1, depth + 1):
        outer = Canvas(f"level-{level}")
        outer.boundary("seed", "")
        use = outer.node(subgraphs[-1].id, [], inputs="seed")
        outer.nodes[0]["inputs"][0]["widget"] = {"name": "seed"}
        outer.link(-10, 0, use, 0)
        subgraphs.append(outer)
    canvas = Canvas()
    use = canvas.node(subgraphs[-1].id, [value] if given_by in ("use", "proxy") else [], inputs="seed")
    if given_by == "primitive":
        canvas.link(canvas.node("PrimitiveNode", [value, "fixed"], outputs="int"), 0, use, 0)
    properties = canvas.nodes[0]["properties"]
    if given_by == "proxy":
        properties["proxyWidgets"] = [["-1", "seed"]]
    if given_by == "aside":
        properties["proxyWidgetErrorQuarantine"] = [{"originalEntry": ["-1", "seed"], "hostValue": value}]

    [found] = resolved(canvas.document(*subgraphs)).nodes.values()

    assert found.id == ":".join(["1"] * (depth + 2))
    assert found.inputs == {"noise_seed": -1 if given_by == "own" else value}


@pytest.mark.parametrize("station", STATIONS)
def test_what_is_muted_gives_nothing_on_any_way(station: str) -> None:
    canvas, subgraphs = Canvas(), list[Canvas]()
    loader = canvas.node("UNETLoader", ["wan.safetensors"], mode=MUTED, outputs="model")
    origin, slot = between(canvas, subgraphs, loader, 0, station)
    sampler = canvas.node("KSampler", inputs="model")
    canvas.link(origin, slot, sampler, 0)

    [found] = resolved(canvas.document(*subgraphs)).nodes.values()

    assert (found.kind, found.inputs) == ("KSampler", {})


@pytest.mark.parametrize(
    ("origin", "words"), [(2, "circle"), (9, "node 9, which is nowhere")], ids=["a circle", "a missing node"]
)
def test_links_that_lead_nowhere_are_refused_by_the_node(origin: int, words: str) -> None:
    canvas = Canvas()
    canvas.node("KSampler", inputs="model")
    canvas.node("Reroute", inputs="model", outputs="model")
    canvas.link(2, 0, 1, 0)
    canvas.link(origin, 0, 2, 0)

    with pytest.raises(NotAWorkflow, match=words):
        resolved(canvas.document())


def test_a_subgraph_in_itself_and_far_too_many_nodes_are_refused() -> None:
    inside_itself = Canvas("a")
    inside_itself.node("a")
    many = [Canvas(f"level-{level}") for level in range(20)]
    for lower, upper in pairwise(many):
        upper.node(lower.id)
        upper.node(lower.id)
    many[0].node("KSampler")
    canvas = Canvas()

    canvas.node("a")
    with pytest.raises(NotAWorkflow, match="inside itself"):
        resolved(canvas.document(inside_itself))
    canvas.nodes[0]["type"] = many[-1].id
    with pytest.raises(NotAWorkflow, match="more than"):
        resolved(canvas.document(*many))


@pytest.mark.parametrize("document", [{"nodes": 1}, {"nodes": [{"id": 1}]}, {"nodes": [], "links": [[1]]}])
def test_a_file_of_another_kind_is_refused_with_the_place(document: Document) -> None:
    with pytest.raises(NotAWorkflow, match=r"/(nodes|links)"):
        resolved(document)


def test_a_text_on_a_subgraph_reaches_sockets_too_and_not_only_widgets() -> None:
    """ComfyUI's own command line loses it here; its browser does not."""
    inner = Canvas("prompt")
    inner.boundary("text", "")
    encoder = inner.node("CLIPTextEncode", [""], inputs="text")
    inner.nodes[0]["inputs"][0]["widget"] = {"name": "text"}
    switch = inner.node("ComfySwitchNode", [False], inputs="on_false")
    inner.link(-10, 0, encoder, 0)
    inner.link(-10, 0, switch, 0)
    canvas = Canvas()
    canvas.node("prompt", ["a red fox"], inputs="text")

    found = resolved(canvas.document(inner)).nodes

    assert [node.inputs.get("text", node.inputs.get("on_false")) for node in found.values()] == ["a red fox"] * 2


def test_a_bypassed_node_hands_nothing_on_that_does_not_fit() -> None:
    canvas = Canvas()
    loader = canvas.node("CLIPVisionLoader", ["clip.safetensors"], outputs="clip_vision")
    encoder = canvas.node("CLIPVisionEncode", ["center"], mode=4, inputs="clip_vision", outputs="clip_vision_output")
    video = canvas.node("WanImageToVideo", [], inputs="clip_vision_output")
    canvas.link(loader, 0, encoder, 0)
    canvas.link(encoder, 0, video, 0)

    assert resolved(canvas.document()).nodes[str(video)].inputs == {}
