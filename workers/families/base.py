"""What a family of models is to the engine: how one kind of model prepares, encodes, starts, steps and
decodes.

A family uses the parts of a loaded diffusers pipeline (text encoder, transformer, VAE) and never its
`__call__`: the engine owns the loop, so that every decision can be taken between two steps. A track alone
gives, bit for bit, what the pipeline's own `__call__` gives.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import AbstractContextManager
from copy import copy
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

import torch
from peft import LoraConfig
from torch import Tensor

from farm.catalog.pool import PoolEntry
from farm.catalog.schema import ModelEntry
from farm.params import RenderParameters, Shape, parse_parameters
from farm.params.sharding_limits import division_fault
from workers.denoising.checkpoint_file import Saved
from workers.denoising.lora import Adapters, adapters_of
from workers.denoising.out_of_memory import is_out_of_memory
from workers.denoising.samplers import Sampler, build_sampler
from workers.denoising.step_caches import StepCaches
from workers.denoising.track import Embeddings, Pixels, Track
from workers.families.latent_colours import LatentColours
from workers.protocol import RenderOrder

#: Latent positions, and latent frames, from which colours are learnt where nothing has been decoded yet.
_CORNER, _CORNER_FRAMES = 16, 2
_LOADED_ADAPTERS: int = PoolEntry.model_fields["loaded_adapters"].default  # until its pool says otherwise


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


class KeptEmbeddings(Protocol):
    """What gives embeddings that were made before."""

    def of(self, family: "Family", prepared: Prepared) -> Embeddings:
        """Kept ones, or encoded now, on the family's device."""


class Ranks(Protocol):
    """Other processes that hold the transformers too: a step of training is theirs as well."""

    def learning(
        self, transformer: str, slot: str, config: LoraConfig, weights: Mapping[str, Tensor], checkpoints: bool
    ) -> AbstractContextManager[Callable[[Tensor, Sequence[Tensor]], Sequence[Tensor]]]:
        """Inside the block the calls of a transformer are of a step; what it gives turns a loss and the parameters of
        the LoRA into gradients.
        """


class Family(ABC):
    """One kind of model. A new one is a new file, an entry point and an entry in the catalog."""

    #: The diffusers class whose parts it uses.
    pipeline_class: ClassVar[type[Any]]
    #: Expert → the pipeline's transformer that it is; most models have one, which needs no name.
    experts: ClassVar[Mapping[str | None, str]] = {None: "transformer"}

    def __init__(self, pipeline: Any, entry: ModelEntry, device: torch.device) -> None:
        self.pipeline = pipeline
        self.entry = entry
        self.device = device
        self.ranks: Ranks | None = None  # where the transformers lie on several devices, each of a process
        self.kept: KeptEmbeddings | None = None  # embeddings of prompts that were encoded before
        #: Its pool's: how far prompts are padded of which a mask hides the end.
        self.prompt_padding: Literal["max_length", "longest"] = "max_length"
        self.colours = LatentColours()
        self.step_caches = StepCaches()
        self.adapters = {
            expert: Adapters(
                pipeline,
                most=_LOADED_ADAPTERS,
                component=component,
                device=device,
                before_loading=self.step_caches.clear,
            )
            for expert, component in self.experts.items()
        }

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
    def encode(self, prepared: Prepared, negative: Embeddings | None = None) -> Embeddings:
        """Run the text encoder over this render's prompts alone.

        negative: embeddings of a render with the same `negative_key`; their negative half is taken as it is.
        """

    def embed(self, prepared: Prepared) -> Embeddings:
        """The embeddings of this render's prompts: those that are kept, or encoded now."""
        return self.encode(prepared) if self.kept is None else self.kept.of(self, prepared)

    @abstractmethod
    def start(self, prepared: Prepared, embeddings: Embeddings) -> Track:
        """Draw the first latents from the render's own seed and set its own sampler."""

    def conditions(self, prepared: Prepared) -> dict[str, Tensor]:
        """What the model is given of a render beside its noise and its words, as a track has it; nothing as a rule."""
        return {}

    def restore(self, prepared: Prepared, embeddings: Embeddings, saved: Saved) -> Track:
        """A track that goes on where the saved one was, to the bit. Raises BadCheckpoint."""
        track = self.start(prepared, embeddings)
        saved.put_into(track)
        return track

    def encode_key(self, prepared: Prepared) -> Hashable | None:
        """Renders with equal keys have equal embeddings; None: they are not to be kept for others."""
        return None

    def negative_key(self, prepared: Prepared) -> Hashable | None:
        """Renders with equal keys have equal embeddings of their negative prompts; None: they have none of their own.

        Pipelines encode the two prompts apart, and nearly all renders have the same negative one, the empty one.
        """
        return None

    def spares_padding(self, parameters: RenderParameters) -> bool:
        """Whether prompts are encoded without what a mask hides; not of renders that are diffusers' own to the bit."""
        return self.prompt_padding == "longest" and not parameters.deterministic

    def text_tokens(self, batch: Sequence[Track]) -> int | None:
        """To which the prompts of a pass are padded, where it is not the model's constant."""
        return None

    def pass_key(self, track: Track) -> Hashable:
        """Tracks with equal keys can share the next transformer pass. It may change along the way."""
        return (tuple(track.latents.shape), track.embeddings.text.shape[1])

    def expert_of(self, track: Track) -> str | None:
        """Which of the `experts` has the track's next pass. Tracks that differ in it have different pass keys."""
        return None

    def transformer_of(self, track: Track) -> Any:
        """The transformer of the track's next pass."""
        return getattr(self.pipeline, self.experts[self.expert_of(track)])

    def run_pass(self, tracks: Sequence[Track]) -> list[Tensor]:
        """`predict` with exactly the adapters and the step cache that these tracks want, which must be the same.

        What the model really has on is compared with that before anything is computed. Raises what
        `Adapters.use` and `StepCaches.use` raise; then no pass was run.
        """
        first = tracks[0]
        if len({(track.parameters.loras, track.parameters.step_cache) for track in tracks}) != 1:
            raise ValueError("renders with other adapters or step caches cannot share a pass")
        expert = self.expert_of(first)
        self.adapters[expert].use(adapters_of(first.order, first.parameters, expert))
        self.step_caches.use(tracks, self.transformer_of(first))
        try:
            return self.predict(tracks)
        except Exception as error:
            self.step_caches.broke_off(tracks)
            if is_out_of_memory(error):
                self.step_caches.clear()
            raise

    @abstractmethod
    def predict(self, tracks: Sequence[Track]) -> list[Tensor]:
        """One transformer pass for all: for each track the guided prediction, shaped as its latents.

        Tracks with guidance come first.
        Changes nothing in the tracks, so it may be tried again with fewer of them.
        """

    def needs_vae(self, track: Track) -> bool:
        """Whether the track's next step uses the VAE: nobody else may decode meanwhile."""
        return False

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

    def shows_all(self, track: Track) -> bool:
        """Whether what a track is decoded to is its final latents and nothing else, so that colours can be learnt."""
        return True

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
