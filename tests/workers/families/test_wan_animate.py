"""Wan Animate keeps the promises of all families, and is diffusers' own in both modes and over segments."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from tests.workers import tiny_pipelines
from tests.workers.families.test_families import DTYPES, GUIDANCE, Promises
from tests.workers.matrix import matrix
from tests.workers.orders import family_in
from tests.workers.pictures import clip_ref, picture_ref

Folders = Callable[[str], Path]
REPLACE = {"mode": "replace", "background_video": clip_ref(2), "mask_video": clip_ref(1)}

#: What people ask of it.
ASKED: dict[str, dict[str, Any]] = {
    "animate": {},
    "replace": REPLACE,
    "animate in two segments": {"num_frames": 9},
    "replace in two segments": {**REPLACE, "num_frames": 9},
    "animate in three that share five frames": {
        "num_frames": 25,
        "fps": 16,
        "segment_frame_length": 13,
        "prev_segment_conditioning_frames": 5,
    },
}


class TestWanAnimate(Promises):
    name = "wan-animate"
    mixed: ClassVar = [
        {"sampler": "unipc", "num_inference_steps": 4, "num_frames": 9},
        {"sampler": "heun", "guidance_scale": 2.7, **REPLACE},
        {"sampler": "euler", "guidance_scale": 1.0, "face_video": clip_ref(2)},
        {"sampler": "dpm++-2m", "flow_shift": 8.0, "negative_prompt": "", "image": picture_ref(2)},
    ]

    @matrix(sampler=tiny_pipelines.SAMPLERS["wan-animate"], guidance=GUIDANCE, dtype=DTYPES)
    def test_alone_it_is_the_pipeline_to_the_bit(
        self, tiny_folder: Folders, tmp_path: Path, sampler: str, guidance: float, dtype: str
    ) -> None:
        family = family_in(dtype, "wan-animate", tiny_folder)
        self.equals_pipeline(family, tmp_path, sampler=sampler, guidance_scale=guidance, num_frames=9)

    @matrix(asked=list(ASKED), sampler=["unipc", "euler", "heun", "dpm++-2m-sde"], guidance=GUIDANCE, dtype=DTYPES)
    def test_whatever_is_asked_it_is_the_pipeline_to_the_bit(
        self, tiny_folder: Folders, tmp_path: Path, asked: str, sampler: str, guidance: float, dtype: str
    ) -> None:
        family = family_in(dtype, "wan-animate", tiny_folder)
        self.equals_pipeline(family, tmp_path, sampler=sampler, guidance_scale=guidance, **ASKED[asked])
