"""Graphs of Wan VACE: what is followed, what is made anew, and the frames of the reference that are taken off."""

import json
from functools import partial
from typing import Any

import pytest

from farm.comfyui.translate import translate
from farm.comfyui.workflow.graph import CannotRender
from farm.comfyui.workflow.workflow_file import read_workflow
from tests.farm.comfyui.changed_graph import read_changed
from tests.farm.comfyui.wan_graph import wan_graph

LATENTS = {
    "class_type": "WanVaceToVideo",
    "inputs": {
        "width": 480,
        "height": 480,
        "length": 17,
        "strength": 0.5,
        "control_video": ["11", 0],
        "control_masks": ["14", 0],
    },
}
GRAPH = wan_graph("wan2.1_vace_1.3B_fp16.safetensors", LATENTS, "mask.mp4")
read = partial(read_changed, GRAPH)


def test_clip_mask_and_strength_are_taken() -> None:
    found = read()

    assert found.files == {"video": "pose.mp4", "mask": "mask.mp4"}
    asked = {"model": "wan21-vace-1300m", "conditioning_scale": 0.5, "num_frames": 17, "fps": 16, "flow_shift": 8.0}
    assert {name: found.fields[name] for name in asked} == asked
    assert any("by their time" in notice for notice in found.notices)


@pytest.mark.parametrize("amount", [1, ["20", 3]])
def test_no_other_frames_are_taken_off_than_those_of_the_reference(amount: Any) -> None:
    graph = json.loads(json.dumps(GRAPH)) | {"20": GRAPH["3"]}
    graph["5"]["inputs"]["trim_amount"] = amount
    with pytest.raises(CannotRender) as refused:
        translate(read_workflow(json.dumps(graph)))
    assert [fault.field for fault in refused.value.faults] == ["node 5 TrimVideoLatent"]


def test_without_the_node_that_takes_the_frames_of_a_reference_off_they_are_off_all_the_same_and_it_is_said() -> None:
    found = read({"6": {"samples": ["4", 0]}, "3": {"reference_image": ["15", 0]}})

    assert found.files["reference_images"] == ["fox.png"]
    assert any("also in the clip" in notice for notice in found.notices)


def test_a_picture_as_the_clip_that_is_followed_is_none() -> None:
    """In ComfyUI it is one frame that is followed, in the farm the first frame, which is kept."""
    with pytest.raises(CannotRender) as refused:
        read({"3": {"control_video": ["15", 0]}})
    assert [fault.message for fault in refused.value.faults] == [
        "the farm takes a clip as it is stored; give the finished one with --video"
    ]
    assert read({"3": {"control_video": ["15", 0]}}, {"video"}).files == {"mask": "mask.mp4"}
