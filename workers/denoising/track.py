"""A render inside the engine: everything that belongs to it alone, so that tracks can join, leave and wait."""

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from farm.params import RenderParameters
from workers.denoising.samplers import Sampler, takes_generator
from workers.protocol import RenderOrder, StepTrace

#: uint8, (height, width, 3) for an image or (frames, height, width, 3) for a clip.
Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Embeddings:
    """What the text encoder made of one render's prompts, each encoded alone and padded to the model's
    constant.

    text and negative are (1, tokens, width); the masks (1, tokens) or None; negative is None without
    guidance.
    """

    text: Tensor
    mask: Tensor | None = None
    negative: Tensor | None = None
    negative_mask: Tensor | None = None


@dataclass
class Track:
    """A render on its way; one thread uses it."""

    order: RenderOrder
    parameters: RenderParameters
    guided: bool
    embeddings: Embeddings
    sampler: Sampler  # its own: samplers remember former steps
    generator: torch.Generator
    timesteps: Tensor  # (steps,), on the device
    latents: Tensor  # (1, channels, …), float32
    step: int = 0  # the next to be taken
    denoised: Tensor | None = None  # the sampler's estimate of the end, for families that decode it
    first_step: int = 0  # where its checkpoint was; what was spent before is not counted here again
    predicted_clean: Tensor | None = None  # where it stopped for a choice
    draft: str | None = None  # its checkpoint, where this is what is decoded of a track that stopped for a choice
    trace: list[StepTrace] = field(default_factory=list)
    gpu_seconds: float = 0.0
    pass_seconds: float = 0.0  # wall, of all its passes so far, each for all of its rows
    seconds: dict[str, float] = field(default_factory=dict)
    #: What the model sees beside latents and prompts, made from the render's pictures; by name, on the device.
    conditions: dict[str, Tensor] = field(default_factory=dict)
    #: (timestep, sigma) of each step as numbers, so that no step waits for the device to tell.
    schedule: list[tuple[float, float | None]] = field(init=False)
    segments: int = 1  # a clip in several takes all steps for each of them; `timesteps` are those of all
    #: What has come out of its former segments, by name, as its family keeps it; checkpoints hold it too.
    done: dict[str, Tensor] = field(default_factory=dict)
    _draws: bool = field(init=False)  # whether the sampler takes the generator

    def __post_init__(self) -> None:
        self._draws = takes_generator(self.sampler)
        times = self.timesteps.tolist()
        sigmas = getattr(self.sampler, "sigmas", None)
        once = len(times) // self.segments
        own = [None] * once if sigmas is None else sigmas.tolist()[:once]
        self.schedule = list(zip(times, own * self.segments, strict=False))

    @property
    def steps(self) -> int:
        """Forward passes in all; second-order samplers (heun) take more than `num_inference_steps`."""
        return len(self.schedule)

    @property
    def finished(self) -> bool:
        """Whether only decoding is left."""
        return self.step >= self.steps

    @property
    def isolation_key(self) -> str | None:
        """What keeps a deterministic render apart from all others, whichever batch they came with."""
        return self.order.render_id if self.parameters.deterministic else None

    @property
    def stop(self) -> int | None:
        """The forward pass after which it stops for a draft; none once the choice is made, which the order says."""
        asked: int | None = getattr(self.parameters, "stop_at_step", None)
        if asked is None:
            return None
        passes = asked * getattr(self.sampler, "order", 1)  # heun takes two for a step
        return passes if passes < self.steps else None

    def remember(self) -> Callable[[], None]:
        """What puts the track back to where it is now, whatever a step that failed half-way has changed."""
        lists = {name: list(value) for name, value in vars(self.sampler).items() if isinstance(value, list)}
        sampler, own = vars(self.sampler) | lists, dict(vars(self))
        # The next segment begins with noise, and with a sampler of its own.
        drawn = self.generator.get_state() if self._draws or self.segments > 1 else None

        def restore() -> None:
            self.__dict__.update(own)
            self.sampler.__dict__.update(sampler)
            if drawn is not None:
                self.generator.set_state(drawn)

        return restore

    def as_preview(self, latents: Tensor) -> "Track":
        """What is shown of it; it goes on itself with what its sampler made."""
        shown = copy(self)
        shown.latents = latents
        return shown

    def sample(self, prediction: Tensor, timestep: Tensor) -> tuple[Tensor, ...]:
        """The sampler's step from the present latents, drawing from the render's own generator if it draws."""
        extra = {"generator": self.generator} if self._draws else {}
        sampled: tuple[Tensor, ...] = self.sampler.step(prediction, timestep, self.latents, return_dict=False, **extra)
        return sampled
