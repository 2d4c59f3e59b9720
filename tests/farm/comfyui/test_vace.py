"""Graphs of Wan VACE: what is followed, what is made anew, and the frames of the reference that are taken off."""

import json
from typing import Any

import pytest

from farm.comfyui.translate import Translated, translate
from farm.comfyui.workflow.graph import CannotRender
from farm.comfyui.workflow.workflow_file import read_workflow

GRAPH: dict[str, dict[str, Any]] = {
    "1": {"class_type": "UNETLoader", "inputs": {"unet_name": "wan2.1_vace_1.3B_fp16.safetensors"}},
    "2": {"class_type": "CLIPTextEncode", "inputs": {"text": "a fox runs"}},
    "3": {
        "class_type": "WanVaceToVideo",
        "inputs": {
            "positive": ["2", 0],
            "negative": ["2", 0],
            "width": 480,
            "height": 480,
            "length": 17,
            "batch_size": 1,
            "strength": 0.5,
            "control_video": ["11", 0],
            "control_masks": ["14", 0],
        },
    },
    "4": {
        "class_type": "KSampler",
        "inputs": {
            "seed": 7,
            "steps": 20,
            "cfg": 5.0,
            "sampler_name": "euler",
            "scheduler": "normal",
            "denoise": 1.0,
            "model": ["1", 0],
            "positive": ["3", 0],
            "negative": ["3", 1],
            "latent_image": ["3", 2],
        },
    },
    "5": {"class_type": "TrimVideoLatent", "inputs": {"samples": ["4", 0], "trim_amount": ["3", 3]}},
    "6": {"class_type": "VAEDecode", "inputs": {"samples": ["5", 0]}},
    "7": {"class_type": "CreateVideo", "inputs": {"images": ["6", 0], "fps": 16.0}},
    "8": {"class_type": "SaveVideo", "inputs": {"video": ["7", 0]}},
    "10": {"class_type": "LoadVideo", "inputs": {"file": "pose.mp4"}},
    "11": {"class_type": "GetVideoComponents", "inputs": {"video": ["10", 0]}},
    "12": {"class_type": "LoadVideo", "inputs": {"file": "mask.mp4"}},
    "13": {"class_type": "GetVideoComponents", "inputs": {"video": ["12", 0]}},
    "14": {"class_type": "ImageToMask", "inputs": {"image": ["13", 0], "channel": "red"}},
    "15": {"class_type": "LoadImage", "inputs": {"image": "fox.png"}},
}


def read(changes: dict[str, dict[str, Any]] | None = None, settled: set[str] | None = None) -> Translated:
    graph = json.loads(json.dumps(GRAPH))
    for id_, change in (changes or {}).items():
        graph[id_]["inputs"] |= change
    return translate(read_workflow(json.dumps(graph)), settled or set())


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
