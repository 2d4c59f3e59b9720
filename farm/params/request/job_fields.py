"""The fields of a request as keywords of the Python client."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from farm.params.request.base import AnimateMode, Speed
from farm.params.request.job_request import AfterFailure


class JobFields(TypedDict, total=False):
    """The same fields as keywords of the Python client, which sends any sequence as a list.

    Type checkers read keywords off source alone and cannot make them from a model: so this is written out, and a
    test compares it with `JobRequest`. `model` and `prompt` come first in a call, and `dry_run` is a call of its own.
    """

    seed_count: int | None
    seed: int | str | None
    seeds: Sequence[int | str] | None
    width: int | Sequence[int] | None
    height: int | Sequence[int] | None
    num_frames: int | Sequence[int] | None
    fps: int | Sequence[int] | None
    num_inference_steps: int | Sequence[int] | None
    guidance_scale: float | Sequence[float] | None
    guidance_scale_2: float | Sequence[float] | None
    sampler: str | Sequence[str] | None
    flow_shift: float | Sequence[float] | None
    strength: float | Sequence[float] | None
    controlnet_conditioning_scale: float | Sequence[float] | None
    conditioning_scale: float | Sequence[float] | None
    mode: AnimateMode | Sequence[AnimateMode] | None
    segment_frame_length: int | Sequence[int] | None
    prev_segment_conditioning_frames: int | Sequence[int] | None
    complex_human_instruction: bool | Sequence[bool] | None
    negative_prompt: str | Sequence[str] | None
    deterministic: bool | Sequence[bool] | None
    speed: Speed | Sequence[Speed] | None
    image: str | None
    last_image: str | None
    control_image: str | None
    video: str | None
    mask: str | None
    pose_video: str | None
    face_video: str | None
    background_video: str | None
    mask_video: str | None
    reference_images: Sequence[str] | None
    loras: Sequence[Mapping[str, Any]] | None
    allow_partial: bool | None
    stop_at_step: int | None
    output_format: str | Sequence[str] | None
    output_quality: int | Sequence[int] | None
    keep_latents: bool | None
    post_processors: Sequence[str] | None
    scorer: str | None
    keep_best: int | None
    variables: Mapping[str, Sequence[str]] | None
    wildcards: Mapping[str, Sequence[str]] | None
    rows: Sequence[Mapping[str, str]] | str | None
    csv_dialect: Mapping[str, Any] | None
    class_name: str | None
    title: str | None
    not_before: float | str | None
    deadline: float | str | None
    after: Sequence[str] | None
    after_failure: AfterFailure | None
