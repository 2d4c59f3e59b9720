"""What the JSON schema of a request says of bounds that hold for every model.

They are checked where all faults of a request are found at once (`farm.params.checks`), in words that say what to do,
and so not by the request's own types. What one model allows is in its schema: GET /api/v1/models.
"""

from typing import Any

from farm.params.request.base import INPUTS

#: Fields that are nothing but a list, which must hold something. Of the others an empty one asks for nothing; one that
#: may stand for a single value (a sweep, several prompts) must hold something in any case.
_LISTS = ("seeds", "rows")
#: Fields whose texts, also those in a list, must not be empty.
_TEXTS = (
    "model",
    "prompt",
    "rows",
    "sampler",
    *INPUTS,
    "output_format",
    "post_processors",
    "scorer",
    "class",
    "not_before",
    "deadline",
    "after",
)
_NUMBERS: dict[str, dict[str, float]] = {
    "width": {"minimum": 1},
    "height": {"minimum": 1},
    "num_frames": {"minimum": 1},
    "fps": {"minimum": 1},
    "num_inference_steps": {"minimum": 1},
    "guidance_scale": {"minimum": 1},
    "guidance_scale_2": {"minimum": 1},
    "flow_shift": {"exclusiveMinimum": 0},
    "strength": {"exclusiveMinimum": 0, "maximum": 1},
    "controlnet_conditioning_scale": {"minimum": 0},
    "conditioning_scale": {"minimum": 0},
    "segment_frame_length": {"minimum": 1},
    "prev_segment_conditioning_frames": {"minimum": 1},
    "output_quality": {"minimum": 1, "maximum": 100},
    "not_before": {"minimum": 0},
    "deadline": {"exclusiveMinimum": 0},
}


def say_bounds(schema: dict[str, Any]) -> None:
    """Add them to the schema of a `JobRequest`."""
    for name, field in schema["properties"].items():
        shapes = field.get("anyOf", [field])
        several = any(shape.get("type") not in ("array", "null") for shape in shapes)
        for shape in shapes:
            if shape.get("type") == "array" and (several or name in _LISTS):
                shape["minItems"] = 1
            _say_of_one(name, shape["items"] if shape.get("type") == "array" else shape)


def _say_of_one(name: str, shape: dict[str, Any]) -> None:
    if shape.get("type") == "string" and name in _TEXTS:
        shape["minLength"] = 1
    if shape.get("type") in ("number", "integer"):
        shape.update(_NUMBERS.get(name, {}))
