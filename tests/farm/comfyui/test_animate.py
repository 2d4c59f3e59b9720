"""Graphs of Wan Animate: the character, what moves it, and what only the farm or only ComfyUI does."""

from functools import partial
from typing import Any

import pytest

from farm.comfyui.workflow.graph import CannotRender
from tests.farm.comfyui.changed_graph import read_changed
from tests.farm.comfyui.wan_graph import wan_graph

LATENTS = {
    "class_type": "WanAnimateToVideo",
    "inputs": {
        "width": 832,
        "height": 480,
        "length": 49,
        "continue_motion_max_frames": 5,
        "video_frame_offset": 0,
        "reference_image": ["15", 0],
        "pose_video": ["11", 0],
        "face_video": ["13", 0],
    },
}
GRAPH = wan_graph("Wan2_2-Animate-14B_fp8_e4m3fn_scaled_KJ.safetensors", LATENTS, "face.mp4") | {
    "7": {"class_type": "CreateVideo", "inputs": {"images": ["9", 0], "fps": 16.0}},
    "9": {"class_type": "ImageFromBatch", "inputs": {"image": ["6", 0], "batch_index": ["3", 4], "length": 4096}},
    "16": {"class_type": "DWPreprocessor", "inputs": {"image": ["11", 0]}},
}
read = partial(read_changed, GRAPH)


def refused(changes: dict[str, dict[str, Any]]) -> dict[str, str]:
    with pytest.raises(CannotRender) as error:
        read(changes)
    return {fault.field: fault.message for fault in error.value.faults}


def test_a_character_is_moved_by_its_clips() -> None:
    found = read()
    assert found.files == {"image": "fox.png", "pose_video": "pose.mp4", "face_video": "face.mp4"}
    asked = {"model": "wan22-animate-14b", "mode": "animate", "num_frames": 49, "segment_frame_length": 49, "fps": 16}
    assert {name: found.fields[name] for name in asked} == asked


def test_with_a_background_and_a_mask_it_is_put_into_a_clip() -> None:
    found = read({"3": {"background_video": ["11", 0], "character_mask": ["14", 0]}})
    assert found.fields["mode"] == "replace"
    assert (found.files["background_video"], found.files["mask_video"]) == ("pose.mp4", "face.mp4")


def test_poses_that_a_node_draws_are_asked_for_as_a_finished_clip() -> None:
    assert refused({"3": {"pose_video": ["16", 0]}}) == {
        "node 16 DWPreprocessor": "the farm takes a clip as it is stored; give the finished one with --pose-video"
    }
    assert "pose_video" not in read({"3": {"pose_video": ["16", 0]}}, {"pose_video"}).files


@pytest.mark.parametrize(
    ("change", "said"),
    [({"continue_motion": ["6", 0]}, "the farm does that itself"), ({"video_frame_offset": 44}, "begins at frame 44")],
)
def test_a_further_segment_is_refused_with_what_to_do(change: dict[str, Any], said: str) -> None:
    assert said in refused({"3": change})["node 3 WanAnimateToVideo"]


def test_frames_cut_off_in_another_way_are_a_change_of_the_pictures() -> None:
    assert "node 9 ImageFromBatch" in refused({"9": {"batch_index": 4}})
