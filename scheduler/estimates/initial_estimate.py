"""What a render costs by the catalog alone: the prior of everything that is learnt. Pure functions.

    estimate = seed × megapixels × forwards × share

- seed: the catalog's `seconds_per_step_megapixel`: seconds of one step for one megapixel, guided, on the
  model's device;
- megapixels: width × height × frames / 10⁶, as the model renders them (the bin, not the size asked for);
- forwards: passes through the transformer: one a step, but 2n − 1 for Heun's method; of each segment of a clip;
- share: 1, or ½ where the model can be guided and this render is not: it goes without its unconditional half.

Text encoding and decoding are inside the seed: both grow with the pictures, not with the steps, and are small
beside them.
"""

from dataclasses import dataclass

from farm.catalog import ModelEntry
from farm.params import RenderParameters, Shape
from farm.params.families import family_named
from farm.params.training.trained_families import training_of
from scheduler.estimates.observations import Observed

#: Up to this scale nothing is guided: c + (scale − 1)·(c − u) needs no u at 1.
UNGUIDED_SCALE = 1.0


@dataclass(frozen=True)
class Demand:
    """What of a render decides how long it takes."""

    megapixels: float  # width × height × frames / 10⁶
    forwards: int  # passes through the transformer
    share: float  # of a guided row: 1, or ½ without the unconditional half


def gpu_seconds(entry: ModelEntry, shape: Shape, parameters: RenderParameters) -> float:
    """The seed's estimate for one render, in GPU-seconds; always positive."""
    return seed_seconds(entry, demand_of(shape, parameters))


def seed_seconds(entry: ModelEntry, demand: Demand) -> float:
    """The formula above, in GPU-seconds."""
    return entry.seconds_per_step_megapixel * demand.megapixels * demand.forwards * demand.share


def demand_of(shape: Shape, parameters: RenderParameters) -> Demand:
    """What a render that was asked for will need."""
    guided = not _can_be_guided(type(parameters)) or parameters.guidance_scale > UNGUIDED_SCALE
    return Demand(_megapixels(shape.width, shape.height, shape.frames), forwards(parameters), 1.0 if guided else 0.5)


def demand_seen(entry: ModelEntry, observed: Observed) -> Demand:
    """What a render that was measured needed."""
    guided = observed.guided or not _can_be_guided(family_named(entry.family).parameters)
    megapixels = _megapixels(observed.width, observed.height, observed.frames)
    return Demand(megapixels, observed.forwards, 1.0 if guided else 0.5)


def default_demand(entry: ModelEntry) -> Demand:
    """What a render of the model by its defaults needs, guided."""
    defaults = entry.defaults
    megapixels = _megapixels(defaults["width"], defaults["height"], defaults.get("num_frames", 1))
    return Demand(megapixels, defaults["num_inference_steps"], 1.0)


def forwards(parameters: RenderParameters) -> int:
    """Passes through the transformer that the render's sampler needs for its steps, or until it stops for a choice.

    Of a training: as many as its steps are worth, see `Training.guided_forwards`.
    """
    if training := training_of(parameters):
        return round(training.guided_forwards)
    if parameters.stop_at_step is not None:
        return passes_until(parameters.sampler, parameters.stop_at_step)
    return parameters.segments * passes_of(parameters.sampler, parameters.num_inference_steps)


def passes_of(sampler: str, steps: int) -> int:
    """Passes through the transformer that so many steps of a sampler are."""
    return 2 * steps - 1 if sampler == "heun" else steps


def passes_until(sampler: str, step: int) -> int:
    """Passes through the transformer before a render stops after a step that is not its last."""
    return 2 * step if sampler == "heun" else step


def _megapixels(width: int, height: int, frames: int) -> float:
    return width * height * frames / 1e6


def _can_be_guided(kind: type[RenderParameters]) -> bool:
    # A model that takes a negative prompt has an unconditional half; Sprint's guidance is an input of its one
    # pass.
    return "negative_prompt" in kind.model_fields
