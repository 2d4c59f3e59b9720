"""What people ask for who train a LoRA: the body of POST /api/v1/trainings.

Names and defaults are those of diffusers' `train_dreambooth_lora_sana.py`, where it has them.
"""

import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from farm.params.request.base import Expert
from farm.params.request.option import Option
from farm.params.request.seeds import Seed
from farm.params.request.submission import shown
from farm.params.training.stored import LrScheduler, Optimizer, Weighting
from farm.params.training.trained_families import TRAINED
from farm.sentences import sentence

MOST_PICTURES = 500
#: Each is a file of its own on the worker's disk, where frames lie as they are.
MOST_CLIPS = 200
MOST_STEPS = 100_000
MOST_SAMPLES = 64
_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"
#: Class of a training whose request names none: it takes a worker for long, and others go first.
CLASS = "bulk"


class CaptionedPicture(BaseModel):
    """A picture to learn from."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    image: str = Field(description="the id of an uploaded picture")
    caption: str = Field(min_length=1, max_length=2_000, description="what is to be seen, with the word to be learnt")


class CaptionedClip(BaseModel):
    """A clip to learn from."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    video: str = Field(description="the id of an uploaded clip")
    caption: str = Field(min_length=1, max_length=2_000, description="what happens, with the word to be learnt")


class TrainingRequest(BaseModel):
    """Train a LoRA of a model from pictures or clips with captions. What is left out takes the default."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, populate_by_name=True)

    model: str = Field(
        min_length=1,
        description=f"a name of GET /api/v1/models, of one of the families {', '.join(TRAINED)}",
    )
    name: str = Field(pattern=_NAME, description="of the LoRA")
    pictures: list[CaptionedPicture] = Field([], max_length=MOST_PICTURES)
    clips: list[CaptionedClip] = Field(
        [], max_length=MOST_CLIPS, description="of models of clips, which learn from pictures, too"
    )
    expert: Annotated[Expert | None, Option()] = Field(
        None, description="of a model with two, the one that learns: high-noise or low-noise"
    )
    class_name: Annotated[str, Option("--class")] = Field(
        CLASS, alias="class", min_length=1, max_length=20, description="of the queue"
    )
    seed: Annotated[Seed | None, Option(typed=int, least=-1)] = Field(
        None, description="of all that is drawn; none or -1: the farm draws one"
    )
    rank: Annotated[int, Option()] = Field(16, ge=1, le=512, description="of the two halves of each layer")
    lora_alpha: Annotated[float | None, Option()] = Field(
        None, gt=0, le=4096, description="the LoRA works by alpha / rank; none: rank"
    )
    layers: Annotated[Literal["attention", "all"], Option()] = Field(
        "all", description="attention: its four projections; all: the outer convolutions of the feed-forward too"
    )
    optimizer: Annotated[Optimizer, Option()] = Field(
        "adamw", description="adamw-8bit: what it remembers takes a quarter of the memory; its workers need torchao"
    )
    learning_rate: Annotated[float, Option()] = Field(1e-4, gt=0, le=1)
    lr_scheduler: Annotated[LrScheduler, Option()] = Field(
        "constant", description="how the rate goes on after the warm-up: linear and cosine fall to 0"
    )
    lr_warmup_steps: Annotated[int, Option()] = Field(
        0, ge=0, le=MOST_STEPS, description="so many steps until the rate is reached"
    )
    max_train_steps: Annotated[int, Option()] = Field(500, ge=1, le=MOST_STEPS)
    train_batch_size: Annotated[int, Option()] = Field(4, ge=1, le=64, description="pictures or clips in one step")
    gradient_checkpointing: Annotated[bool, Option()] = Field(False, description="less memory, a third more time")
    max_grad_norm: Annotated[float, Option()] = Field(1.0, gt=0, le=1e6)
    adam_beta1: float = Field(0.9, ge=0, lt=1)
    adam_beta2: float = Field(0.999, ge=0, lt=1)
    adam_weight_decay: Annotated[float, Option()] = Field(1e-4, ge=0, le=1)
    adam_epsilon: float = Field(1e-8, gt=0, le=1)
    weighting_scheme: Annotated[Weighting, Option()] = Field(
        "none", description="how noise levels are drawn, and losses weighted"
    )
    caption_dropout: Annotated[float, Option()] = Field(
        0.0, ge=0, le=1, description="share of captions that are left out"
    )
    with_prior_preservation: Annotated[bool, Option()] = Field(
        False, description="learn from the model's own pictures of the class, too"
    )
    class_prompt: Annotated[str, Option()] = Field("", max_length=2_000, description="what these show, such as 'a dog'")
    num_class_images: Annotated[int, Option()] = Field(16, ge=1, le=1_000)
    prior_loss_weight: Annotated[float, Option()] = Field(1.0, ge=0, le=100)
    validation_prompt: Annotated[str | None, Option()] = Field(
        None, min_length=1, max_length=2_000, description="of the samples; none: the first caption"
    )
    validation_image: Annotated[str | None, Option(metavar="FILE or ID")] = Field(
        None, description="of models whose clips begin with a picture: the uploaded one that the samples begin with"
    )
    validation_steps: Annotated[int, Option()] = Field(
        100, ge=1, le=MOST_STEPS, description="a sample after so many steps"
    )
    validation_inference_steps: Annotated[int, Option()] = Field(20, ge=1, le=100, description="of each sample")
    width: Annotated[int | None, Option()] = Field(
        None, ge=1, le=8_192, description="pixels; none: the model's default"
    )
    height: Annotated[int | None, Option()] = Field(None, ge=1, le=8_192)
    num_frames: Annotated[int | None, Option()] = Field(
        None, ge=1, le=10_000, description="of each clip that is learnt from, and of the samples; none: the model's"
    )
    fps: Annotated[int | None, Option()] = Field(
        None, ge=1, le=240, description="at which frames are taken of clips; none: the model's"
    )
    guidance_scale: Annotated[float | None, Option()] = Field(None, ge=0, le=100, description="of the samples")
    guidance_scale_2: Annotated[float | None, Option()] = Field(
        None, ge=0, le=100, description="the same of the second expert"
    )
    negative_prompt: Annotated[str | None, Option()] = Field(None, max_length=2_000, description="of the samples")
    flow_shift: Annotated[float | None, Option()] = Field(
        None, gt=0, le=100, description="of samples and of the noise that is learnt from"
    )
    complex_human_instruction: bool | None = Field(None, description="the model's own instruction before each caption")


def name_fault(name: str) -> str | None:
    """What is wrong with the name of a LoRA, in words, or None."""
    if re.fullmatch(_NAME, name):
        return None
    return sentence(
        "must begin with a letter or a digit and have nothing but these, '.', '_' and '-', at most 100; seen %(seen)s",
        seen=shown(name),
    )
