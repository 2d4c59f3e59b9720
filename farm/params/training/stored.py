"""How a LoRA is trained, as it stands in `renders.parameters`: complete, with no default left open.

Names are those of the training scripts of diffusers (`examples/dreambooth`), where these have one.
"""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from farm.params.request.base import ClipRef, Expert, InputRef

#: How timesteps are drawn, by `diffusers.training_utils.compute_density_for_timestep_sampling`, and losses weighted.
Weighting = Literal["none", "logit_normal", "sigma_sqrt", "mode", "cosmap"]
#: What turns gradients into steps: AdamW, with its memory in float32 or in 8 bits (by torchao).
Optimizer = Literal["adamw", "adamw-8bit"]
#: How the rate goes on after its warm-up, by the names of `diffusers.optimization.SchedulerType`.
LrScheduler = Literal["constant", "linear", "cosine"]


class TrainingPicture(BaseModel):
    """One picture to learn from, with its caption."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    image: InputRef
    caption: str


class TrainingClip(BaseModel):
    """One clip to learn from, with its caption."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    video: ClipRef
    caption: str


class Training(BaseModel):
    """How a LoRA is trained."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    name: str = Field(description="of the LoRA; its file is called so")
    pictures: tuple[TrainingPicture, ...] = Field(strict=False)
    clips: tuple[TrainingClip, ...] = Field((), strict=False)
    expert: Expert | None = Field(None, description="of a model with two, the one that learns")
    rank: int
    lora_alpha: float
    target_modules: tuple[str, ...] = Field(strict=False)
    optimizer: Optimizer = "adamw"
    learning_rate: float
    lr_scheduler: LrScheduler = "constant"
    lr_warmup_steps: int
    max_train_steps: int
    train_batch_size: int
    gradient_checkpointing: bool
    max_grad_norm: float
    adam_beta1: float
    adam_beta2: float
    adam_weight_decay: float
    adam_epsilon: float
    weighting_scheme: Weighting
    caption_dropout: float
    with_prior_preservation: bool
    class_prompt: str
    num_class_images: int
    prior_loss_weight: float
    validation_steps: int
    validation_inference_steps: int

    @property
    def examples(self) -> tuple[tuple[InputRef, str], ...]:
        """All that is learnt from, in the order in which it is counted: pictures, then clips; each with its caption."""
        pictures = tuple((picture.image, picture.caption) for picture in self.pictures)
        return pictures + tuple((clip.video, clip.caption) for clip in self.clips)

    @property
    def samples(self) -> int:
        """Pictures or clips drawn on the way: before the first step, after each `validation_steps`, after the last."""
        return 2 + (self.max_train_steps - 1) // self.validation_steps

    @property
    def class_images(self) -> int:
        """Pictures that the untrained model draws of the class before the training."""
        return self.num_class_images if self.with_prior_preservation else 0

    @property
    def passes(self) -> int:
        """Passes through the transformer in all: one for each step of training, and of each picture that is drawn."""
        return self.max_train_steps + (self.samples + self.class_images) * self.validation_inference_steps

    @property
    def guided_forwards(self) -> float:
        """The same in forward passes of two rows each, as estimates count them.

        A step goes forward and back, three times a forward pass; with gradient checkpointing forward once more.
        """
        rows = self.train_batch_size * (2 if self.with_prior_preservation else 1)
        step = rows * (4 if self.gradient_checkpointing else 3) / 2
        return step * self.max_train_steps + (self.samples + self.class_images) * self.validation_inference_steps


def training_inputs(parameters: Mapping[str, Any]) -> list[InputRef]:
    """The pictures and clips that a render as it is stored learns from; none where it is no training."""
    if "training" not in parameters:
        return []
    return [known for known, _ in Training.model_validate(parameters["training"]).examples]
