"""What a family of models is to the engine: how one kind of model prepares, encodes, starts, steps and
decodes.

A family uses the parts of a loaded diffusers pipeline (text encoder, transformer, VAE) and never its
`__call__`: the engine owns the loop, so that every decision can be taken between two steps. A track alone
gives, bit for bit, what the pipeline's own `__call__` gives.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from farm.catalog.schema import ModelEntry
from farm.params import RenderParameters, Shape, parse_parameters
from farm.params.dividing import division_fault
from workers.adapters import Adapters, adapters_of
from workers.families.colours import LatentColours
from workers.protocol import RenderOrder, StepTrace
from workers.samplers import Sampler, build_sampler, takes_generator

if TYPE_CHECKING:
    from workers.checkpoints import Saved
    from workers.embeddings import EmbeddingCache

#: uint8, (height, width, 3) for an image or (frames, height, width, 3) for a clip.
Pixels = NDArray[np.uint8]
#: Latent positions, and latent frames, from which colours are learnt where nothing has been decoded yet.
_CORNER, _CORNER_FRAMES = 16, 2


class Refused(ValueError):
    """This render is not one that the model can make as ordered; the message says which rule it breaks."""


class Unsuitable(ValueError):
    """The loaded pipeline is not one that the family can drive; the message says why."""


@dataclass(frozen=True)
class Prepared:
    """An order whose parameters are typed and whose shape has been checked."""

    order: RenderOrder
    parameters: RenderParameters

    @property
    def guided(self) -> bool:
        """Whether classifier-free guidance runs the transformer a second time, as diffusers decides it."""
        return self.parameters.guidance_scale > 1.0


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
    """A render inside the engine: everything that belongs to it alone, so that tracks can join, leave and
    wait.
    """

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
    expected: Tensor | None = None  # where it stopped for a choice: the latents that the end was expected to have
    draft: str | None = None  # its checkpoint, where this is what is decoded of a track that stopped for a choice
    trace: list[StepTrace] = field(default_factory=list)
    gpu_seconds: float = 0.0
    pass_seconds: float = 0.0  # wall, of all its passes so far, each for all of its rows
    seconds: dict[str, float] = field(default_factory=dict)
    #: What the model sees beside latents and prompts, made from the render's pictures; by name, on the device.
    conditions: dict[str, Tensor] = field(default_factory=dict)
    #: (timestep, sigma) of each step as numbers, so that no step waits for the device to tell.
    schedule: list[tuple[float, float | None]] = field(init=False)
    _draws: bool = field(init=False)  # whether the sampler takes the generator

    def __post_init__(self) -> None:
        self._draws = takes_generator(self.sampler)
        times = self.timesteps.tolist()
        sigmas = getattr(self.sampler, "sigmas", None)
        self.schedule = list(zip(times, [None] * len(times) if sigmas is None else sigmas.tolist(), strict=False))

    @property
    def steps(self) -> int:
        """Forward passes in all; second-order samplers (heun) take more than `num_inference_steps`."""
        return len(self.schedule)

    @property
    def finished(self) -> bool:
        """Whether only decoding is left."""
        return self.step >= self.steps

    @property
    def solitude(self) -> str | None:
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
        drawn = self.generator.get_state() if self._draws else None

        def put_back() -> None:
            self.sampler.__dict__.update(sampler)
            self.__dict__.update(own)
            if drawn is not None:
                self.generator.set_state(drawn)

        return put_back

    def sample(self, prediction: Tensor, timestep: Tensor) -> tuple[Tensor, ...]:
        """The sampler's step from the present latents, drawing from the render's own generator if it draws."""
        extra = {"generator": self.generator} if self._draws else {}
        sampled: tuple[Tensor, ...] = self.sampler.step(prediction, timestep, self.latents, return_dict=False, **extra)
        return sampled


class Family(ABC):
    """One kind of model. A new one is a new file, an entry point and an entry in the catalog."""

    #: The diffusers class whose parts it uses.
    pipeline_class: ClassVar[type[Any]]

    def __init__(self, pipeline: Any, entry: ModelEntry, device: torch.device) -> None:
        self.pipeline = pipeline
        self.entry = entry
        self.device = device
        self.kept: EmbeddingCache | None = None  # embeddings of prompts that were encoded before
        self.colours = LatentColours()
        self.adapters = Adapters(pipeline)

    def prepare(self, order: RenderOrder) -> Prepared:
        """Type the parameters and check the shape. Raises Refused rather than render another size than
        ordered.
        """
        prepared = Prepared(order, parse_parameters(order.parameters))
        if prepared.parameters.family != self.entry.family:
            raise Refused(
                f"these are parameters for '{prepared.parameters.family}' models; {self.entry.name} is of family "
                f"'{self.entry.family}'"
            )
        self.check_shape(prepared)
        if fault := division_fault(self.entry, Shape(order.width, order.height, order.frames)):
            raise Refused(fault)
        return prepared

    @abstractmethod
    def check_shape(self, prepared: Prepared) -> None:
        """Raise Refused unless the model renders exactly the ordered shape for the size that was asked."""

    @abstractmethod
    def encode(self, prepared: Prepared) -> Embeddings:
        """Run the text encoder over this render's prompts alone."""

    def embed(self, prepared: Prepared) -> Embeddings:
        """The embeddings of this render's prompts: those that are kept, or encoded now."""
        return self.encode(prepared) if self.kept is None else self.kept.of(self, prepared)

    @abstractmethod
    def start(self, prepared: Prepared, embeddings: Embeddings) -> Track:
        """Draw the first latents from the render's own seed and set its own sampler."""

    def restore(self, prepared: Prepared, embeddings: Embeddings, saved: "Saved") -> Track:
        """A track that goes on where the saved one was, to the bit. Raises BadCheckpoint."""
        track = self.start(prepared, embeddings)
        saved.put_into(track)
        return track

    def encode_key(self, prepared: Prepared) -> Hashable | None:
        """Renders with equal keys have equal embeddings; None: they are not to be kept for others."""
        return None

    def pass_key(self, track: Track) -> Hashable:
        """Tracks with equal keys can share the next transformer pass. It may change along the way."""
        return (tuple(track.latents.shape), track.embeddings.text.shape[1])

    def run_pass(self, tracks: Sequence[Track]) -> list[Tensor]:
        """`predict` with the adapters of these tracks, which have the same. Raises AdapterUnfit."""
        self.adapters.use(adapters_of(tracks[0].order, tracks[0].parameters))
        return self.predict(tracks)

    @abstractmethod
    def predict(self, tracks: Sequence[Track]) -> list[Tensor]:
        """One transformer pass for all: for each track the guided prediction, shaped as its latents.

        Tracks with guidance come first.
        Changes nothing in the tracks, so it may be tried again with fewer of them.
        """

    def advance(self, track: Track, prediction: Tensor) -> None:
        """Take the sampler's step for one track."""
        track.latents = track.sample(prediction, track.timesteps[track.step])[0]
        track.step += 1

    def estimate(self, track: Track, prediction: Tensor) -> Tensor:
        """The latents at which a straight path along this prediction would end, before the track advances.

        Flow matching: x = (1 - s) x0 + s e and v = e - x0, so x0 = x - s v.
        """
        sigma = track.schedule[track.step][1]
        return track.latents if sigma is None else track.latents - sigma * prediction

    def final_latents(self, track: Track) -> Tensor:
        """What the VAE decodes, before the scaling of the VAE."""
        return track.latents

    @abstractmethod
    def decode(self, tracks: Sequence[Track]) -> list[Pixels | None]:
        """Latents of equal shape to pixels in the size each render asked for; None where they are not
        numbers.
        """

    def preview(self, track: Track) -> Pixels:
        """A rough picture of the track's latents, a pixel for each latent position, without the VAE."""
        latents = self.final_latents(track)
        if not self.colours.known:
            self.colours.learn(*self._specimen(track))
        return self.colours.show(latents)

    def _specimen(self, track: Track) -> tuple[Tensor, Pixels]:
        """A corner of a track's latents and what the VAE makes of it."""
        corner = copy(track)
        height, width = (min(edge, _CORNER) for edge in track.latents.shape[-2:])
        corner.latents = track.latents[..., :height, :width]
        if track.latents.dim() == 5:
            corner.latents = corner.latents[:, :, :_CORNER_FRAMES]
        if track.denoised is not None:
            corner.denoised = track.denoised[..., :height, :width]
        scale = track.order.width // track.latents.shape[-1]
        corner.parameters = track.parameters.model_copy(update={"width": width * scale, "height": height * scale})
        pixels = self.decode([corner])[0]
        if pixels is None:
            raise ValueError("the latents are not numbers")
        return self.final_latents(corner), pixels

    def new_sampler(self, prepared: Prepared) -> Sampler:
        """The sampler the render asked for, with the shift it asked for or the catalog's for its size."""
        asked: float | None = getattr(prepared.parameters, "flow_shift", None)
        order = prepared.order
        shift = asked or self.entry.shift_for(order.width, order.height) or 1.0
        return build_sampler(prepared.parameters.sampler, flow_shift=shift)

    def new_generator(self, prepared: Prepared) -> torch.Generator:
        """On the CPU, whatever the device: the same seed then draws the same latents everywhere."""
        return torch.Generator("cpu").manual_seed(prepared.parameters.seed)


def guide(unguided: Tensor, guided: Tensor, scales: Sequence[float]) -> Tensor:
    """Classifier-free guidance with a scale for each row of (rows, channels, …).

    Rounds as the pipelines do: they multiply by a Python number, which keeps float32 precision inside a
    bfloat16 product, while a float32 vector would promote the sum and a bfloat16 one would round the scale
    itself.
    """
    factors = torch.tensor(list(scales), dtype=torch.float32, device=guided.device)
    difference = (guided - unguided).float()
    return unguided + (factors.view(-1, *[1] * (guided.dim() - 1)) * difference).to(guided.dtype)


def guide_tracks(tracks: Sequence[Track], conditional: Tensor, unconditional: Tensor | None) -> list[Tensor]:
    """Apply guidance to those tracks that have it, which come first.

    conditional holds a row for each track, unconditional one for each guided track.
    """
    scales = [track.parameters.guidance_scale for track in tracks if track.guided]
    predictions = conditional
    if unconditional is not None and scales:
        guided = guide(unconditional, conditional[: len(scales)], scales)
        rest = conditional[len(scales) :]
        predictions = torch.cat([guided, rest]) if len(rest) else guided
    return list(torch.split(predictions, 1))


def rows_of(parts: Iterable[Tensor | None]) -> Tensor:
    """One tensor of all rows. Raises ValueError where a track lacks what the pass needs."""
    rows = []
    for part in parts:
        if part is None:
            raise ValueError("a track lacks an embedding or mask that this pass needs")
        rows.append(part)
    return torch.cat(rows)


def to_uint8(values: NDArray[np.float32]) -> Pixels | None:
    """Floats in 0…1 to bytes, rounded as diffusers' `numpy_to_pil` does; None where any is not a number."""
    if not np.isfinite(values).all():
        return None
    return (values * 255).round().astype(np.uint8)
