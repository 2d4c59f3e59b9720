"""What a render will cost, before it ran: GPU-seconds from the catalog's seed. Pure functions.

    estimate = seed × megapixels × forwards × share

- seed: the catalog's `seconds_per_step_megapixel`: seconds of one step for one megapixel, guided, on the
  model's device;
- megapixels: width × height × frames / 10⁶, as the model renders them (the bin, not the size asked for);
- forwards: passes through the transformer: one a step, but 2n − 1 for Heun's method;
- share: 1, or ½ where the model can be guided and this render is not: it goes without its unconditional half.

Text encoding and decoding are inside the seed: both grow with the pictures, not with the steps, and are small
beside them.
"""

from farm.catalog import ModelEntry
from farm.params import RenderParameters, Shape

#: Up to this scale nothing is guided: c + (scale − 1)·(c − u) needs no u at 1.
UNGUIDED_SCALE = 1.0


def gpu_seconds(entry: ModelEntry, shape: Shape, parameters: RenderParameters) -> float:
    """The estimate for one render, in GPU-seconds; always positive."""
    megapixels = shape.width * shape.height * shape.frames / 1e6
    return entry.seconds_per_step_megapixel * megapixels * forwards(parameters) * _share(parameters)


def forwards(parameters: RenderParameters) -> int:
    """Passes through the transformer that the render's sampler needs for its steps."""
    steps = parameters.num_inference_steps
    return 2 * steps - 1 if parameters.sampler == "heun" else steps


def _share(parameters: RenderParameters) -> float:
    # A model that takes a negative prompt has an unconditional half; Sprint's guidance is an input of its one
    # pass.
    can_be_guided = "negative_prompt" in type(parameters).model_fields
    return 0.5 if can_be_guided and parameters.guidance_scale <= UNGUIDED_SCALE else 1.0
