"""What the renders of all families are told: the parameters as they stand in `renders.parameters`.

They are complete: no worker adds a default, so a render can be rendered again after the catalog changed.
"""

from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from farm.catalog.step_cache import StepCache
from farm.params.segments import segments_of

#: What torch takes, and ComfyUI draws: 64 bits. JSON numbers hold them; readers with doubles need them as text.
MAX_SEED = 2**64 - 1
#: The parameters that name an uploaded picture; a family has those that its parameters have.
PICTURES = ("image", "last_image", "control_image")
#: Those that name an uploaded clip, or a picture.
CLIPS = ("video", "mask", "pose_video", "face_video", "background_video", "mask_video")
#: Of these the ones that take no picture in place of a clip.
CLIPS_ALONE = ("pose_video", "face_video")
#: Those that name several pictures.
PICTURE_LISTS = ("reference_images",)
#: All that name what was uploaded, but for adapters.
INPUTS = (*PICTURES, *CLIPS, *PICTURE_LISTS)


#: How the key of an uploaded adapter ends, and that of a clip; pictures end in the name of their format.
ADAPTER_SUFFIX = ".safetensors"
CLIP_SUFFIX = ".mkv"
#: Whether a render runs all of the model in every pass.
Speed = Literal["quality", "fast"]


#: The experts of a model with two transformers: of the first, noisy steps, and of the others.
Expert = Literal["high-noise", "low-noise"]
#: Whether Wan Animate moves the character of the picture, or puts it into a clip.
AnimateMode = Literal["animate", "replace"]
HIGH_NOISE, LOW_NOISE = get_args(Expert)


class InputRef(BaseModel):
    """An uploaded file that a render starts from, complete, so that a manifest says which bytes it was."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    id: str
    key: str  # in the farm's bucket
    sha256: str  # of the stored file, in hex
    #: Of an adapter, for request validation: `farm.adapters.compatibility`. A render does not keep it.
    adapter: dict[str, Any] | None = Field(None, exclude=True, repr=False)
    name: str = Field("", exclude=True, description="as it was uploaded; no render keeps it")


class ClipRef(InputRef):
    """An uploaded clip: which frames a render takes of it follows from its rate (`farm.params.checks.clip_frames`)."""

    frames: int = Field(gt=0)
    frame_rate: float = Field(gt=0, allow_inf_nan=False, description="frames a second, as it was uploaded")


class AdapterRef(BaseModel):
    """A LoRA of a render: which file, and how strongly it works. `key`: uploaded; none: the catalog's of that name."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    name: str
    weight: float
    sha256: str  # of the file, in hex
    key: str | None = None  # in the farm's bucket
    expert: Expert | None = None  # of a model with two, the one that has it; none: both
    partial: bool = False  # the submitter said that it may be applied in part
    applied: int | None = None  # layers that the model takes of it; none: not known before a worker has loaded it
    layers: int | None = None  # of the file
    file: str | None = None  # the file's name without its suffix, as other tools call it; none: of older renders


class RenderParameters(BaseModel):
    """One render. Sizes in pixels as asked; what the model renders is `shape_of`."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    family: str
    prompt: str
    seed: int = Field(ge=0, le=MAX_SEED)
    width: int = Field(gt=0)
    height: int = Field(gt=0)
    num_inference_steps: int = Field(gt=0)
    guidance_scale: float
    sampler: str
    max_sequence_length: int = Field(gt=0, description="tokens; the embedding is padded to it")
    deterministic: bool = Field(False, description="rendered alone, so that neighbours change no bit")
    output_format: str | None = Field(None, description="of the stored file; none (older renders): PNG or MP4")
    output_quality: int | None = Field(None, ge=1, le=100, description="none where the format has no such choice")
    keep_latents: bool = Field(False, description="the last latents are stored too")
    post_processors: list[str] = Field([], description="plugins that change the output, one after the other")
    scorer: str | None = Field(None, description="a plugin that says how good the output is")
    keep_best: int | None = Field(None, gt=0, description="so many of `best_of` keep their output")
    best_of: int | None = Field(None, gt=0, description="the seeds of one prompt, which follow each other in the job")
    stop_at_step: int | None = Field(None, gt=0, description="show a draft after so many steps, and wait for a choice")

    speed: Speed = Field("quality", description="fast: blocks that hardly change are left out of passes")
    step_cache: StepCache | None = Field(None, strict=False, description="of `fast`, as the catalog had it")
    loras: tuple[AdapterRef, ...] = Field((), strict=False, description="active in its passes, in this order")

    @property
    def frames(self) -> int:
        """Frames of the output; 1 for a still."""
        return 1

    @property
    def frames_at_once(self) -> int:
        """Frames that a pass renders: all of the output, but for renders in segments."""
        return self.frames

    @property
    def segments(self) -> int:
        """How often all steps are taken: a long clip may be rendered in parts, one after the other."""
        return 1

    def document(self) -> dict[str, Any]:
        """As `renders.parameters` holds it; not to be changed, as it may be the model's own: copies cost admission."""
        values = self.__dict__
        pictures: dict[str, Any] = {
            name: values[name].model_dump() for name in (*PICTURES, *CLIPS) if values.get(name) is not None
        }
        pictures |= {name: [each.model_dump() for each in values[name]] for name in PICTURE_LISTS if values.get(name)}
        if not pictures and not self.loras and self.step_cache is None:
            return values
        cache = self.step_cache.model_dump(mode="json") if self.step_cache else None
        return {**values, **pictures, "loras": [adapter.model_dump() for adapter in self.loras], "step_cache": cache}


class SanaParameters(RenderParameters):
    """A picture by Sana or SANA-1.5."""

    family: Literal["sana"] = "sana"
    negative_prompt: str = ""
    flow_shift: float | None = Field(None, gt=0)
    complex_human_instruction: bool = Field(True, description="the model's own instruction before the prompt")


class SprintParameters(RenderParameters):
    """A picture by SANA-Sprint: one to four steps, guidance as an input of the model, no negative prompt."""

    family: Literal["sprint"] = "sprint"
    num_inference_steps: int = Field(ge=1, le=4)
    complex_human_instruction: bool = Field(True, description="the model's own instruction before the prompt")
    image: InputRef | None = None
    strength: float | None = Field(None, gt=0, le=1, description="how far the picture is noised first; 1: wholly")


class SanaControlNetParameters(RenderParameters):
    """A picture by Sana that follows a control picture."""

    family: Literal["sana-controlnet"] = "sana-controlnet"
    negative_prompt: str = ""
    flow_shift: float | None = Field(None, gt=0)
    complex_human_instruction: bool = Field(True, description="the model's own instruction before the prompt")
    control_image: InputRef
    controlnet_conditioning_scale: float = Field(1.0, ge=0)


class WanParameters(RenderParameters):
    """A clip (or with one frame a still) by Wan."""

    family: Literal["wan"] = "wan"
    negative_prompt: str = ""
    num_frames: int = Field(gt=0, description="1 more than a multiple of 4, of some models of 8")
    fps: int = Field(gt=0, description="of the stored clip; the model does not see it")
    flow_shift: float | None = Field(None, gt=0)

    @property
    def frames(self) -> int:
        """Frames of the clip."""
        return self.num_frames


class WanExpertsParameters(WanParameters):
    """A clip by Wan 2.2 A14B, whose two experts have a guidance scale each."""

    family: Literal["wan22"] = "wan22"  # type: ignore[assignment]  # as below
    guidance_scale_2: float = Field(description="of the steps below the boundary, where guidance_scale is above 1")


class WanImageToVideoParameters(WanParameters):
    """A clip by Wan that begins with a picture."""

    family: Literal["wan-i2v"] = "wan-i2v"  # type: ignore[assignment]  # the one field that is not Wan's
    image: InputRef


class WanFirstLastParameters(WanImageToVideoParameters):
    """A clip by Wan that begins with one picture and ends with another."""

    family: Literal["wan-flf2v"] = "wan-flf2v"  # type: ignore[assignment]
    last_image: InputRef


class WanExpertsImageToVideoParameters(WanImageToVideoParameters):
    """A clip by Wan 2.2 A14B that begins with a picture, and may end with another."""

    family: Literal["wan22-i2v"] = "wan22-i2v"  # type: ignore[assignment]
    guidance_scale_2: float = Field(description="of the steps below the boundary, where guidance_scale is above 1")
    last_image: InputRef | None = None


class WanTextImageToVideoParameters(WanParameters):
    """A clip by Wan 2.2 5B, from a prompt alone or beginning with a picture."""

    family: Literal["wan22-ti2v"] = "wan22-ti2v"  # type: ignore[assignment]
    image: InputRef | None = None


class WanVaceParameters(WanParameters):
    """A clip by Wan VACE: from a prompt alone, after a clip that it follows or changes, or with things of pictures."""

    family: Literal["wan-vace"] = "wan-vace"  # type: ignore[assignment]
    video: ClipRef | InputRef | None = Field(None, description="a clip, or a picture: the first frame")
    mask: ClipRef | InputRef | None = Field(None, description="white: to be made; black: to be kept")
    reference_images: tuple[InputRef, ...] = Field((), strict=False, description="what is to be seen in the clip")
    conditioning_scale: float = Field(1.0, ge=0, description="how closely all these are followed")


class WanAnimateParameters(WanParameters):
    """A clip by Wan Animate: the character of a picture, moved as poses and a face say, or put into another clip.

    It is rendered in segments of equal length; each but the first begins with the last frames of the one before.
    """

    family: Literal["wan-animate"] = "wan-animate"  # type: ignore[assignment]
    image: InputRef = Field(description="the character")
    pose_video: ClipRef
    face_video: ClipRef
    background_video: ClipRef | InputRef | None = Field(None, description="to replace: a clip, or a picture")
    mask_video: ClipRef | InputRef | None = Field(None, description="to replace; white: the character, black: kept")
    mode: AnimateMode = "animate"
    segment_frame_length: int = Field(gt=0, description="1 more than a multiple of 4")
    prev_segment_conditioning_frames: int = Field(gt=0, description="1 or 5; these are frames of both segments")

    @property
    def frames_at_once(self) -> int:
        """Frames of a segment."""
        return self.segment_frame_length

    @property
    def segments(self) -> int:
        """As many as the frames fill; what the last makes beyond them is cut off."""
        return segments_of(self.num_frames, self.segment_frame_length, self.prev_segment_conditioning_frames)


class SanaVideoParameters(RenderParameters):
    """A clip by SANA-Video, from a prompt alone or beginning with a picture."""

    family: Literal["sana-video"] = "sana-video"
    negative_prompt: str = ""
    num_frames: int = Field(gt=0, description="1 more than a multiple of 4, of some models of 8")
    fps: int = Field(gt=0, description="of the stored clip; the model does not see it")
    flow_shift: float | None = Field(None, gt=0)
    complex_human_instruction: bool = Field(True, description="the model's own instruction before the prompt")
    image: InputRef | None = None

    @property
    def frames(self) -> int:
        """Frames of the clip."""
        return self.num_frames
