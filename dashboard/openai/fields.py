"""What may be sent: OpenAI's fields that have a meaning here, those that have none, and the farm's own beside them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

#: Bounds how much one answer holds; more pictures at once are a job of POST /api/v1/jobs.
MOST_PICTURES = 10
#: A client asks for at most so many previews.
MOST_PARTIAL_IMAGES = 3


class Fields(BaseModel):
    """What all requests have. None is the same as left out."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    model: str = Field(description="a name of GET /v1/models")
    prompt: str
    size: str = Field("auto", description="WIDTHxHEIGHT in pixels; auto: the model's default")
    user: str | None = Field(None, description="taken and kept nowhere")
    safety_identifier: str | None = Field(None, description="taken and kept nowhere")


class PictureFields(Fields):
    """POST /v1/images/generations and /v1/images/edits."""

    n: int = Field(1, ge=1, le=MOST_PICTURES, description="pictures, each with a seed of its own")
    output_format: str | None = Field(None, description="png, webp, jpeg or avif")
    output_compression: int | None = Field(None, description="1 … 100, the quality of the file")
    response_format: Literal["b64_json", "url"] = "b64_json"
    stream: bool = False
    partial_images: int = Field(0, ge=0, le=MOST_PARTIAL_IMAGES, description="previews of a stream, WebP")


class VideoFields(Fields):
    """POST /v1/videos."""

    seconds: float | None = Field(None, gt=0, le=3600, allow_inf_nan=False, description="of the clip")


class RemixFields(BaseModel):
    """POST /v1/videos/{video_id}/remix."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prompt: str


@dataclass(frozen=True)
class Meaningless:
    """A field of theirs that changes nothing here: the values that are taken, and why all others are refused."""

    taken: tuple[str, ...]
    why: str


#: A field that says something which the farm would not do is refused, never passed over.
MEANINGLESS: Mapping[str, Meaningless] = {
    "quality": Meaningless(("auto",), "say num_inference_steps, guidance_scale or speed"),
    "background": Meaningless(("auto", "opaque"), "no model here makes transparent pictures"),
    "moderation": Meaningless(("auto", "low"), "nothing is filtered here"),
    "style": Meaningless((), "say the style in the prompt"),
    "input_fidelity": Meaningless((), "say strength, or controlnet_conditioning_scale"),
    "mask": Meaningless((), "no model here paints within a mask"),
    "markup": Meaningless((), "no model here reads marks on a picture"),
    "svg": Meaningless((), "no model here draws vectors"),
    "complexity": Meaningless((), "no model here draws vectors"),
    "frame_count": Meaningless((), "clips are made by POST /v1/videos"),
    "frame_duration_ms": Meaningless((), "clips are made by POST /v1/videos"),
}

#: Fields of `farm.params.JobRequest` that may stand beside theirs (`extra_body` of their package), one value each.
OWN = (
    "seed",
    "negative_prompt",
    "num_inference_steps",
    "guidance_scale",
    "sampler",
    "flow_shift",
    "strength",
    "controlnet_conditioning_scale",
    "complex_human_instruction",
    "deterministic",
    "speed",
    "loras",
    "allow_partial",
    "post_processors",
    "class",
    "title",
)
#: The same of clips only.
OWN_OF_CLIPS = ("guidance_scale_2", "num_frames", "fps", "output_format", "output_quality")


def without_none(sent: Mapping[str, Any]) -> dict[str, Any]:
    """What was really sent."""
    return {name: value for name, value in sent.items() if value is not None}
