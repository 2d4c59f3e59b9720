"""Every template of ComfyUI's own package that is of Wan or Sana becomes a request, or says which node cannot."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import comfyui_workflow_templates_json
import pytest

from farm.comfyui.translate import Translated, translate
from farm.comfyui.workflow.graph import CannotRender, Graph
from farm.comfyui.workflow.workflow_file import resolve

FOLDER = Path(comfyui_workflow_templates_json.__file__).parent / "templates"


def of_wan_or_sana() -> Iterator[str]:
    for path in sorted(FOLDER.glob("*.json")):
        raw = path.read_bytes()
        if not any(name in raw.lower() for name in (b"wan", b"sana")):
            continue  # reading all of them takes seconds
        document = json.loads(raw)
        if not isinstance(document, dict) or "nodes" not in document:
            continue
        canvases = [document, *document.get("definitions", {}).get("subgraphs", [])]
        nodes = [node for canvas in canvases for node in canvas["nodes"]]
        words = " ".join(str([node["type"], node.get("widgets_values")]).lower() for node in nodes)
        if any(word in words for word in ("wan2", "wan_", "wan21", "sana", "'wan")):
            yield path.stem


NAMES = list(of_wan_or_sana())
#: The farm has the models of these; of all others it has not the model (Fun, Animate, the services), or they put
#: clips together (the other graphs of VACE).
RENDERED = {
    "text_to_video_wan", "image_to_video_wan", "wan2.1_flf2v_720_f16", "video_wan2_2_5B_ti2v",
    "video_wan2_2_14B_t2v", "video_wan2_2_14B_i2v", "video_wan2_2_14B_flf2v",
    "video_wan_vace_14B_t2v", "video_wan_vace_14B_ref2v", "video_wan_vace_14B_v2v",
}  # fmt: skip


def graph_of(name: str) -> Graph:
    return resolve(json.loads((FOLDER / f"{name}.json").read_bytes()))


def test_there_are_as_many_as_when_this_was_written() -> None:
    assert len(NAMES) >= 50
    assert set(NAMES) > RENDERED


@pytest.mark.parametrize("name", NAMES)
def test_each_is_a_request_or_names_the_node_that_cannot_be_rendered(name: str) -> None:
    graph = graph_of(name)
    try:
        found: Translated | CannotRender = translate(graph)
    except CannotRender as error:
        found = error

    assert isinstance(found, Translated) == (name in RENDERED)
    if isinstance(found, CannotRender):
        assert found.faults
        assert {fault.field for fault in found.faults} <= {str(node) for node in graph.nodes.values()}


def test_text_to_video_has_the_values_that_comfyui_would_use() -> None:
    found = translate(graph_of("text_to_video_wan"))

    texts = {name: found.fields.pop(name) for name in ("prompt", "negative_prompt")}
    assert texts["prompt"].startswith("a fox moving quickly")
    assert texts["negative_prompt"].startswith("色调艳丽")
    assert found.fields == {
        "model": "wan21-t2v-1300m",
        "seed": 82628696717253,
        "num_inference_steps": 30,
        "guidance_scale": 6.0,
        "sampler": "unipc",
        "flow_shift": 8.0,
        "width": 832,
        "height": 480,
        "num_frames": 33,
        "fps": 16,
        "output_format": "mp4",
    }
    assert any("'simple'" in notice for notice in found.notices)


def test_image_to_video_begins_with_the_picture_that_it_loads() -> None:
    found = translate(graph_of("image_to_video_wan"))

    assert found.files == {"image": "image_to_video_wan_start_image.png"}
    assert (found.fields["model"], found.fields["num_frames"]) == ("wan21-i2v-14b-480p", 33)


def test_the_5b_of_wan22_is_taken_whole() -> None:
    found = translate(graph_of("video_wan2_2_5B_ti2v"))

    asked = {"model": "wan22-ti2v-5b", "width": 1280, "height": 704, "num_frames": 121, "fps": 24, "flow_shift": 8.0}
    assert {name: found.fields[name] for name in asked} == asked
    assert found.files == {}, "its picture is bypassed"


def test_the_two_samplers_of_wan22_are_one_render_by_two_experts() -> None:
    """Its samplers say 4 steps; switches make 20 of it."""
    found = translate(graph_of("video_wan2_2_14B_t2v"))

    asked = {"model": "wan22-t2v-a14b", "num_inference_steps": 20, "guidance_scale": 3.5, "flow_shift": 5.0}
    assert {name: found.fields[name] for name in asked} == asked
    assert "guidance_scale_2" not in found.fields, "one scale for both"
    assert found.fields["negative_prompt"]
    assert any("at step 10 of 20, the farm at 9, where the boundary" in notice for notice in found.notices)


@pytest.mark.parametrize("name", ["video_wan2_2_14B_flf2v", "wan2.1_flf2v_720_f16"])
def test_first_and_last_frame_are_both_taken(name: str) -> None:
    found = translate(graph_of(name))

    assert set(found.files) == {"image", "last_image"}
    assert found.fields["num_frames"] in (33, 81)


def test_vace_follows_the_clip_and_shows_what_is_on_the_picture() -> None:
    found = translate(graph_of("video_wan_vace_14B_v2v"))

    assert found.files == {
        "video": "video_wan_vace_14B_v2v_reference_image_control_video.mp4",
        "reference_images": ["video_wan_vace_14B_v2v_reference_image.jpg"],
    }
    asked = {"model": "wan21-vace-14b", "width": 720, "height": 720, "num_frames": 81, "conditioning_scale": 1.0}
    assert {name: found.fields[name] for name in asked} == asked
    assert found.fields["prompt"].startswith("The girl is dancing")
    assert "num_inference_steps" in found.fields, "the sampler stands behind the node that takes the reference off"


def test_vace_with_a_prompt_alone_has_nothing_to_follow() -> None:
    found = translate(graph_of("video_wan_vace_14B_t2v"))

    assert found.files == {}
    assert "conditioning_scale" not in found.fields


@pytest.mark.parametrize("name", ["video_wan_vace_outpainting", "video_wan_vace_flf2v"])
def test_clips_that_a_graph_puts_together_may_be_given_finished(name: str) -> None:
    with pytest.raises(CannotRender) as refused:
        translate(graph_of(name))
    assert {fault.message.rpartition(" ")[2] for fault in refused.value.faults} == {"--video", "--mask"}

    found = translate(graph_of(name), {"video", "mask"})

    assert found.files == {}
    assert (found.fields["model"], found.fields["num_frames"]) == ("wan21-vace-14b", 81)


def test_every_template_of_the_package_is_read(all_templates: list[tuple[str, Any]]) -> None:
    unread = []
    for name, document in all_templates:
        try:
            translate(resolve(document))
        except CannotRender as error:
            if not error.faults:
                unread.append(name)
    assert unread == []
    assert len(all_templates) > 600


@pytest.fixture
def all_templates() -> list[tuple[str, Any]]:
    documents = [(path.stem, json.loads(path.read_bytes())) for path in sorted(FOLDER.glob("*.json"))]
    return [(name, each) for name, each in documents if isinstance(each, dict) and "nodes" in each]
