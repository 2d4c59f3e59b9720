"""What a form needs to know: the fields of one model with its own limits, defaults and choices.

What a field is called, and its type, are those of the request's declaration; here stands only what is of the model.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from farm.catalog.schema import ModelEntry
from farm.catalog.supported_features import known_samplers
from farm.csv_records import CsvDialect
from farm.params.adapters import adapters_schema
from farm.params.checks.clips import MOST_REFERENCES
from farm.params.checks.plugins import MOST_POST_PROCESSORS
from farm.params.families import family_named
from farm.params.models.sana import CONTROL_SCALES
from farm.params.models.sprint import STRENGTHS
from farm.params.models.wan import FRAMES_PER_LATENT
from farm.params.models.wan_animate import MODES, SEGMENT_FRAMES, SHARED_FRAMES
from farm.params.models.wan_vace import CONDITIONING_SCALES
from farm.params.outputs import FORMATS, QUALITY, formats_of
from farm.params.request.base import CLIPS, CLIPS_ALONE, INPUTS, PICTURES
from farm.params.request.declared import Declared, declared_fields
from farm.params.request.job_request import CLASSES, JobRequest
from farm.params.request.seeds import SEED_SCHEMA
from farm.params.timing import MOST_JOBS
from farm.plugins import PluginKind, plugin_names

#: The fields of every family that only some models offer.
_WHERE_THERE_IS_A_WAY = ("speed", "loras")
#: What a schema adds to a field, by the field's name in the body.
Shapes = dict[str, dict[str, Any]]


def parameters_schema(
    entry: ModelEntry, classes: Iterable[str] = CLASSES, request: type[JobRequest] = JobRequest
) -> dict[str, Any]:
    """A JSON Schema (2020-12) of the requests this model accepts; what request validation lets through fits it.

    `classes`: the names of the farm's classes, the most urgent first.

    Request validation is stricter in what a schema cannot say: pixels in all, sizes longer than 4:1, renders of a job.
    """
    taken = family_named(entry.family).parameters.model_fields
    shapes = _of_every_model(entry, list(classes)) | _size(entry) | _output(entry)
    of_some = _steering(entry) | _clip(entry) | _segments(entry)
    shapes |= {name: shape for name, shape in of_some.items() if name in taken}
    shapes |= adapters_schema(entry)
    shapes |= {name: shape for name, shape in _pictures(entry).items() if name in taken}
    declared = {field.alias: field for field in declared_fields(request).values()}
    # What a family takes and no limit is known of is as it is declared.
    shapes |= {name: {} for name in declared if name in taken and name not in {*shapes, *_WHERE_THERE_IS_A_WAY}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": entry.title,
        "type": "object",
        "additionalProperties": False,
        "required": ["model", "prompt", *(name for name in INPUTS if name in taken and taken[name].is_required())],
        "properties": {name: _property(declared[name], shape) for name, shape in shapes.items()},
    }


def _property(field: Declared, shape: Mapping[str, Any]) -> dict[str, Any]:
    """The field as it is declared, narrowed to the model's shape; a type of the shape's own goes before that."""
    own = shape.keys() & {"type", "enum", "const", "anyOf"}
    one = {**(field.words() if own else field.schema()), **shape}
    return _or_list(one) if field.varies else one


def _or_list(shape: dict[str, Any]) -> dict[str, Any]:
    """One value (or none: the default), or a list of values that are all rendered."""
    words = {"title", "description", "default", "x-sizes"}
    one = {key: value for key, value in shape.items() if key not in words}
    each = dict(one)
    if "enum" in one:
        each["enum"] = [value for value in one["enum"] if value is not None]
    else:
        each["type"] = next(kind for kind in one["type"] if kind != "null")
    told = {key: value for key, value in shape.items() if key in words}
    return told | {"anyOf": [one, {"type": "array", "items": each, "minItems": 1}]}


def _of_every_model(entry: ModelEntry, classes: list[str]) -> Shapes:
    prompt = {"type": "string", "minLength": 1, "maxLength": entry.limits.prompt_chars}
    steps, guidance = entry.limits.steps, entry.limits.guidance
    return {
        "model": {"const": entry.name},
        "prompt": {"anyOf": [prompt, {"type": "array", "items": prompt, "minItems": 1}]},
        **_templates(),
        "seed": {"anyOf": [*SEED_SCHEMA["anyOf"], {"type": "null"}]},
        "seeds": {"anyOf": [{"type": "array", "items": SEED_SCHEMA, "minItems": 1}, {"type": "null"}]},
        "seed_count": {"default": 1},
        "num_inference_steps": {
            "minimum": steps[0],
            "maximum": steps[1],
            "default": entry.defaults["num_inference_steps"],
        },
        "guidance_scale": {
            "minimum": guidance[0],
            "maximum": guidance[1],
            "default": entry.defaults["guidance_scale"],
        },
        "sampler": {
            "description": "; ".join(f"{name}: {known_samplers().get(name, '')}" for name in entry.samplers),
            "enum": [*entry.samplers, None],
            "default": entry.defaults["sampler"],
        },
        "stop_at_step": {"maximum": max(1, steps[1] - 1)},
        "deterministic": {"default": False},
        **({} if entry.step_cache is None or entry.sharded else {"speed": {"default": "quality"}}),
        "class": {"enum": classes, "default": "normal"},
        "title": {"maxLength": 300},
        **_timing(),
        "dry_run": {},
    }


def _templates() -> Shapes:
    texts = {"type": "array", "items": {"type": "string"}, "minItems": 1}
    lists = {"type": ["object", "null"], "additionalProperties": texts}
    row = {"type": "object", "additionalProperties": {"type": "string"}}
    return {
        "variables": lists,
        "rows": {"anyOf": [{"type": "array", "items": row, "minItems": 1}, {"type": ["string", "null"]}]},
        "csv_dialect": {
            "type": ["object", "null"],
            "properties": CsvDialect.model_json_schema()["properties"],
            "additionalProperties": False,
        },
        "wildcards": lists,
    }


def _timing() -> Shapes:
    time = {"type": ["number", "string", "null"], "minimum": 0}
    jobs = {"type": ["array", "null"], "items": {"type": "string", "format": "uuid"}, "maxItems": MOST_JOBS}
    return {"not_before": time, "deadline": time, "after": jobs, "after_failure": {}}


def _size(entry: ModelEntry) -> Shapes:
    sides: Shapes = {}
    for side, (low, high) in (("width", entry.limits.width), ("height", entry.limits.height)):
        sides[side] = {
            "minimum": low,
            "maximum": high,
            "default": entry.defaults[side],
            # Not part of the standard: offered pairs, the default first.
            "x-sizes": [list(size) for size in entry.sizes],
        }
        if entry.bins is None:
            sides[side]["multipleOf"] = entry.size_multiple
    return sides


def _output(entry: ModelEntry) -> Shapes:
    formats = formats_of(entry)
    processors = {"enum": list(plugin_names(PluginKind.POST_PROCESSOR))}
    return {
        "output_format": {
            "description": "; ".join(f"{name}: {FORMATS[name].about}" for name in formats),
            "enum": [*formats, None],
            "default": formats[0],
        },
        "output_quality": {"minimum": QUALITY[0], "maximum": QUALITY[1]},
        "keep_latents": {"default": False},
        "post_processors": {"type": ["array", "null"], "items": processors, "maxItems": MOST_POST_PROCESSORS},
        "scorer": {"enum": [*plugin_names(PluginKind.SCORER), None]},
        "keep_best": {},
    }


def _steering(entry: ModelEntry) -> Shapes:
    low, high = entry.limits.flow_shift
    return {
        "complex_human_instruction": {"default": entry.defaults.get("complex_human_instruction", True)},
        "negative_prompt": {
            "maxLength": entry.limits.prompt_chars,
            "default": entry.defaults.get("negative_prompt", ""),
        },
        "flow_shift": {"minimum": low, "maximum": high},
        "guidance_scale_2": {
            "minimum": entry.limits.guidance[0],
            "maximum": entry.limits.guidance[1],
            "default": entry.defaults.get("guidance_scale_2", entry.defaults["guidance_scale"]),
        },
    }


def _clip(entry: ModelEntry) -> Shapes:
    (fewest, most), (slowest, fastest) = entry.limits.frames, entry.limits.fps
    legal = [count for count in range(fewest, most + 1) if (count - 1) % entry.frame_multiple == 0]
    return {
        "num_frames": {"enum": [*legal, None], "default": entry.defaults.get("num_frames", fewest)},
        "fps": {"minimum": slowest, "maximum": fastest, "default": entry.defaults.get("fps", slowest)},
    }


def _segments(entry: ModelEntry) -> Shapes:
    least, most = SEGMENT_FRAMES
    legal = range(least, most + 1, FRAMES_PER_LATENT)
    return {
        "mode": {"enum": [*MODES, None], "default": MODES[0]},
        "segment_frame_length": {"enum": [*legal, None], "default": entry.defaults.get("segment_frame_length", most)},
        "prev_segment_conditioning_frames": {
            "enum": [*SHARED_FRAMES, None],
            "default": entry.defaults.get("prev_segment_conditioning_frames", SHARED_FRAMES[0]),
        },
    }


def _pictures(entry: ModelEntry) -> Shapes:
    scale = entry.defaults.get("controlnet_conditioning_scale", 1.0)
    return {
        # Not part of the standard: a picture can be chosen; or a clip; or either.
        **{name: {"x-picture": True} for name in PICTURES},
        **{name: {"x-picture": name not in CLIPS_ALONE, "x-clip": True} for name in CLIPS},
        "reference_images": {
            "type": ["array", "null"],
            "items": {"type": "string", "minLength": 1},
            "maxItems": MOST_REFERENCES,
            "x-picture": True,
        },
        "conditioning_scale": {
            "minimum": CONDITIONING_SCALES[0],
            "maximum": CONDITIONING_SCALES[1],
            "default": entry.defaults.get("conditioning_scale", 1.0),
        },
        "strength": {"minimum": STRENGTHS[0], "maximum": STRENGTHS[1]},
        "controlnet_conditioning_scale": {
            "minimum": CONTROL_SCALES[0],
            "maximum": CONTROL_SCALES[1],
            "default": scale,
        },
    }
