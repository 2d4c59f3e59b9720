"""What a user submits, declared once: `JobRequest`, the body of POST /api/v1/jobs.

The options of `farm submit`, the fields of the form and the OpenAPI document come out of this declaration. A new
parameter is a field here, and the same keyword in `JobFields` (job_fields.py).
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from farm.csv_records import CsvDialect
from farm.params.request.base import AnimateMode, Expert, Speed
from farm.params.request.option import Option
from farm.params.request.schema_bounds import say_bounds
from farm.params.request.seeds import Seed

#: The classes of a farm whose settings name no others.
CLASSES = ("urgent", "normal", "bulk")
AfterFailure = Literal["cancel", "run"]


class AdapterUse(BaseModel):
    """An adapter (LoRA) that a job asks for."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    name: str = Field(description="of the catalog, or the id of an uploaded one")
    weight: float | None = Field(None, description="how strongly it works; none: as the catalog says, or 1")
    expert: Expert | None = Field(
        None, description="of a model with two experts, the one that takes it (high-noise or low-noise); none: both"
    )


class JobRequest(BaseModel):
    """One model, one or many prompts x seeds x values; what is left out takes the model's default.

    Any parameter may be a list: every combination is rendered.

    Types are strict: `"20"`, `20.0` and `true` are no numbers of steps.
    """

    # Parameters that may be lists vary in the order in which they stand here: the last the fastest, but for seeds.
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        populate_by_name=True,
        json_schema_extra=say_bounds,
    )

    model: str = Field(title="Model", description="a name of GET /api/v1/models")
    prompt: str | list[str] = Field(
        title="Prompt", description="one prompt, or a list: each is rendered with each seed"
    )
    seed_count: Annotated[int | None, Option("--seeds", "How many seeds to draw for each prompt.")] = Field(
        None, ge=1, title="Outputs per prompt", description="draw so many seeds; the answer says which"
    )
    seed: Seed | None = Field(
        None,
        title="Seed",
        description="one seed for every prompt, a number or its digits as a text; -1: the farm draws one",
    )
    seeds: Annotated[
        list[Seed] | None,
        Option("--seed", "A seed, or -1 for a drawn one; give it again for more.", typed=list[int], least=-1),
    ] = Field(None, title="Seeds", description="each prompt is rendered with each of these")

    width: Annotated[int | list[int] | None, Option(help="Pixels.")] = Field(None, title="Width", description="pixels")
    height: Annotated[int | list[int] | None, Option(help="Pixels.")] = Field(
        None, title="Height", description="pixels"
    )
    num_frames: Annotated[int | list[int] | None, Option("--frames", "Frames of a clip.")] = Field(
        None, title="Frames", description="of a clip: 1 more than a multiple of 4, of some models of 8; 1 makes a still"
    )
    fps: Annotated[int | list[int] | None, Option(help="Frames a second of a clip.")] = Field(
        None, title="Frames per second", description="of a clip, as it is stored"
    )
    num_inference_steps: Annotated[int | list[int] | None, Option("--steps", "Denoising steps.")] = Field(
        None, title="Steps"
    )
    guidance_scale: Annotated[float | list[float] | None, Option("--guidance", "How closely to follow the prompt.")] = (
        Field(None, title="Guidance", description="how closely to follow the prompt; 1 is without guidance")
    )
    guidance_scale_2: Annotated[
        float | list[float] | None, Option("--guidance-2", "Guidance of the second expert (Wan 2.2 A14B).")
    ] = Field(
        None,
        title="Guidance of the second expert",
        description="of a model with two experts, in the later steps; left out: as guidance_scale where that is given",
    )
    sampler: Annotated[str | list[str] | None, Option(help="Such as euler or dpm++-2m.")] = Field(None, title="Sampler")
    flow_shift: float | list[float] | None = Field(
        None,
        title="Timestep shift",
        description="larger spends more of the steps on composition; left out: by the size",
    )
    strength: float | list[float] | None = Field(
        None, title="Strength", description="how far the picture is noised first; 1: wholly. Needs a picture"
    )
    controlnet_conditioning_scale: float | list[float] | None = Field(
        None, title="Control scale", description="how closely the control picture is followed"
    )
    conditioning_scale: Annotated[
        float | list[float] | None, Option(help="How closely a video and reference pictures are followed (Wan VACE).")
    ] = Field(None, title="Conditioning scale", description="how closely video and reference pictures are followed")
    mode: Annotated[
        AnimateMode | list[AnimateMode] | None,
        Option(help="animate moves the character of the picture, replace puts it into a clip (Wan Animate)."),
    ] = Field(
        None,
        title="Mode",
        description="animate: the character of the picture is moved; replace: it takes the place of one in a clip",
    )
    segment_frame_length: int | list[int] | None = Field(
        None,
        title="Frames of a segment",
        description="1 more than a multiple of 4: a longer clip is rendered in segments of so many frames, "
        "one after the other",
    )
    prev_segment_conditioning_frames: int | list[int] | None = Field(
        None,
        title="Frames that segments share",
        description="with so many last frames of a segment the next one begins: 1 or 5",
    )
    complex_human_instruction: bool | list[bool] | None = Field(
        None,
        title="Model's own instruction",
        description="puts the instruction the model was trained with before the prompt",
    )
    negative_prompt: Annotated[str | list[str] | None, Option("--negative", "What the picture should not show.")] = (
        Field(None, title="Negative prompt", description="what to keep out; needs guidance above 1")
    )
    deterministic: bool | list[bool] | None = Field(
        None,
        title="Render alone",
        description="the same bytes again on the same kind of device, but slower",
    )
    speed: Annotated[
        Speed | list[Speed] | None,
        Option(help="fast leaves out of passes what hardly changes, where the model has a way."),
    ] = Field(
        None,
        title="Speed",
        description="fast: what hardly changes from one pass to the next is left out, where the model has a way; "
        "close to the picture of quality, not it",
    )
    image: Annotated[
        str | None,
        Option(help="A picture to start from: a file, or an id of farm inputs.", metavar="FILE|ID"),
    ] = Field(None, title="Picture", description="the id of an uploaded picture to start from")
    last_image: Annotated[
        str | None, Option(help="A picture that a clip ends with, named like that.", metavar="FILE|ID")
    ] = Field(None, title="Last picture", description="the id of an uploaded picture that a clip ends with")
    control_image: Annotated[
        str | None, Option(help="A picture that steers the composition, named like that.", metavar="FILE|ID")
    ] = Field(None, title="Control picture", description="the id of an uploaded picture that steers the composition")
    video: Annotated[
        str | None,
        Option(help="A clip that is followed or changed (or its first frame), named like that.", metavar="FILE|ID"),
    ] = Field(
        None,
        title="Video",
        description="the id of an uploaded clip that is followed or changed; or of a picture, which is the first frame",
    )
    mask: Annotated[
        str | None,
        Option(help="Where the video is made anew (white) and kept (black): a clip or a picture.", metavar="FILE|ID"),
    ] = Field(
        None,
        title="Mask",
        description="the id of an uploaded clip or picture: white is made anew, black is kept of the video; "
        "left out: all is made anew",
    )
    pose_video: Annotated[
        str | None, Option(help="A clip of the poses that a character takes, named like that.", metavar="FILE|ID")
    ] = Field(
        None, title="Poses (a clip)", description="the id of an uploaded clip of the poses that the character takes"
    )
    face_video: Annotated[
        str | None, Option(help="A clip of the face whose expressions it has, named like that.", metavar="FILE|ID")
    ] = Field(
        None, title="Face (a clip)", description="the id of an uploaded clip of the face whose expressions it has"
    )
    background_video: Annotated[
        str | None, Option(help="The clip that a character is put into, named like that.", metavar="FILE|ID")
    ] = Field(
        None,
        title="Background (to replace)",
        description="the id of an uploaded clip that the character is put into; or of a picture, which is held",
    )
    mask_video: Annotated[
        str | None,
        Option(help="Where in it the character is (white): a clip or a picture.", metavar="FILE|ID"),
    ] = Field(
        None,
        title="Mask of the character (to replace)",
        description="the id of an uploaded clip or picture: the character comes where it is white, black is kept",
    )
    reference_images: Annotated[
        list[str] | None,
        Option("--reference", "A picture of what the clip shows, named like that; again for more.", metavar="FILE|ID"),
    ] = Field(
        None, title="Reference pictures", description="ids of uploaded pictures of what is to be seen in the clip"
    )
    loras: Annotated[
        list[AdapterUse] | None,
        Option(
            "--lora",
            "An adapter of the catalog, an id, or a file; give again for more.",
            metavar="NAME:WEIGHT",
            typed=list[str],
        ),
    ] = Field(None, title="Adapters", description="LoRAs of the model, or ids of uploaded ones, with weights")
    allow_partial: Annotated[
        bool | None, Option(help="Take adapters too of which the model uses only some layers.")
    ] = Field(
        None,
        title="Adapters in part",
        description="take adapters too of which the model can use only some layers; the answer says how many",
    )
    stop_at_step: Annotated[
        int | None, Option(help="Show a draft after so many steps, and wait for a choice: farm keep.")
    ] = Field(
        None,
        ge=1,
        title="Stop at step",
        description="render so many steps, show a draft, and wait for a choice of those that go on",
    )

    output_format: Annotated[
        str | list[str] | None, Option("--format", "png, webp, jpeg or avif; of a clip mp4, webp or gif.")
    ] = Field(None, title="Format", description="png, webp, jpeg or avif; of a clip mp4, webp or gif")
    output_quality: Annotated[int | list[int] | None, Option("--quality", "Of the file, 1 to 100.")] = Field(
        None,
        title="Quality of the file",
        description="1 … 100, webp at 100 keeps every bit; left out: as fits the format",
    )
    keep_latents: Annotated[bool | None, Option("--latents", "Store what the VAE decodes too.")] = Field(
        None, title="Keep the latents", description="store what the VAE decodes too, as safetensors"
    )
    post_processors: Annotated[
        list[str] | None, Option("--post", "A post-processor (plugin); give again for more.", metavar="NAME")
    ] = Field(None, title="Post-processors", description="plugins that change each output, one after the other")
    scorer: Annotated[str | None, Option(help="A plugin that scores each output.", metavar="NAME")] = Field(
        None, title="Scorer", description="a plugin that says how good each output is"
    )
    keep_best: Annotated[int | None, Option(help="Of the seeds of each prompt, keep so many outputs.")] = Field(
        None, ge=1, title="Keep the best", description="of the seeds of each prompt, so many keep their output"
    )

    variables: Annotated[
        dict[str, list[str]] | None,
        Option("--var", "Fill {NAME} in the prompts with each text.", metavar="NAME=T,T…", typed=list[str]),
    ] = Field(None, title="Variables", description="what fills {name} in a prompt: every value")
    wildcards: Annotated[
        dict[str, list[str]] | None,
        Option("--wildcard", "Fill __NAME__ with one text, drawn by the seed.", metavar="NAME=T,T…", typed=list[str]),
    ] = Field(None, title="Wildcards", description="what fills __name__ in a prompt: one, drawn from the render's seed")
    rows: Annotated[
        list[dict[str, str]] | str | None,
        Option(help="A prompt for each row; {NAME} is its column.", metavar="CSV", typed=Path),
    ] = Field(
        None,
        title="Rows",
        description="a table, or the text of a CSV file, whose columns fill {name}: one prompt a row",
    )
    csv_dialect: Annotated[
        CsvDialect | None,
        Option(
            "--csv",
            "Of a table: delimiter=; or escapechar=\\; most need none.",
            metavar="NAME=C",
            typed=list[str],
        ),
    ] = Field(
        None,
        title="CSV dialect",
        description="how that text, or a streamed CSV file, is written, where its first line does not show it",
    )

    class_name: Annotated[
        str, Option("--class", "How urgent it is: urgent, normal, bulk, or as the farm has them.")
    ] = Field(
        "normal",
        alias="class",
        title="Class",
        description="urgent before normal before bulk, or another class of the farm's settings",
        json_schema_extra={"examples": list(CLASSES)},
    )
    title: Annotated[str | None, Option(help="The job's name; by default its first prompt.")] = Field(
        None, max_length=300, title="Title"
    )
    not_before: Annotated[
        float | str | None,
        Option(help="Hold it until then: seconds from now, or 2030-01-31T18:00+01:00.", metavar="WHEN", typed=str),
    ] = Field(None, title="Not before", description="held until then: seconds from now, or ISO 8601 with zone")
    deadline: Annotated[
        float | str | None,
        Option(help="What has not ended by then expires; written like that.", metavar="WHEN", typed=str),
    ] = Field(None, title="Deadline", description="what has not ended by then expires: seconds, or ISO 8601")
    after: Annotated[list[str] | None, Option(help="Run after this job; give again for more.", metavar="ID")] = Field(
        None, title="After", description="ids of jobs of the project that must end first"
    )
    after_failure: Annotated[
        AfterFailure | None, Option(help="If such a job does not end as done: cancel this one, or run it.")
    ] = Field(
        None,
        title="If such a job fails",
        description="if one of them does not end as done: cancel this job (the default), or run it nevertheless",
    )
    dry_run: bool | None = Field(
        None, title="Dry run", description="only say what it would be, cost and take; nothing is accepted"
    )

    @property
    def prompts(self) -> list[str]:
        """All prompts, also when there is one."""
        return [self.prompt] if isinstance(self.prompt, str) else self.prompt
