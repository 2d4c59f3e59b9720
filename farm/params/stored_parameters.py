"""The parameters of a render as they are stored: read back, the shape they are rendered in, what shares passes."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from farm.catalog.schema import ModelEntry
from farm.params.families import family_named
from farm.params.request.base import RenderParameters
from farm.params.sizes import Shape, rendered_shape
from farm.params.training.trained_families import TRAINED

#: 128 bits of a hash; every pending render is in an index that holds its key.
BATCH_KEY_CHARS = 32


def parse_parameters(parameters: Mapping[str, Any]) -> RenderParameters:
    """Stored parameters (`renders.parameters`) as the model of their family.

    Raises:
        UnknownFamily: its plugin is not installed here.
        pydantic.ValidationError: a field is not as request validation stores it.
    """
    family = str(parameters.get("family"))
    if "training" in parameters and family in TRAINED:
        return TRAINED[family].parameters.model_validate(parameters)
    return family_named(family).parameters.model_validate(parameters)


def shape_of(parameters: RenderParameters, entry: ModelEntry) -> Shape:
    """The shape in which the model renders: the bin where it has bins, else the size that was asked for; of a clip in
    segments one of these.
    """
    return rendered_shape(entry, parameters.width, parameters.height, parameters.frames_at_once)


def batch_key(parameters: RenderParameters, entry: ModelEntry) -> str:
    """Hash of all that must be equal for renders to share passes: lane, shape, sealed options.

    Prompt, seed, steps, guidance and sampler belong to each track and are not part of it, but for renders with a
    step cache: it decides for all rows of a pass, which must be at the same place. A deterministic render
    has a key of its own. Admission also sets the batch limit of both.
    """
    shape = shape_of(parameters, entry)
    sealed: dict[str, Any] = {
        "lane": entry.lane,
        "shape": [shape.width, shape.height, shape.frames],
        "max_sequence_length": parameters.max_sequence_length,
        "loras": [
            [adapter.sha256, adapter.weight, *["partial"] * adapter.partial, *[adapter.expert] * bool(adapter.expert)]
            for adapter in parameters.loras
        ],
    }
    if parameters.step_cache is not None:
        course = {"num_inference_steps", "sampler", "flow_shift", "step_cache"}
        sealed["cached"] = parameters.model_dump(mode="json", include=course) | {
            "guided": parameters.guidance_scale > 1
        }
    if parameters.deterministic:
        sealed["alone"] = parameters.model_dump(mode="json")
    return hashlib.sha256(json.dumps(sealed, sort_keys=True).encode()).hexdigest()[:BATCH_KEY_CHARS]
