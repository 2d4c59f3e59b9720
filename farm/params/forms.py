"""What a form needs to know: the fields of one model with its own limits, defaults and choices."""

from collections.abc import Iterable
from typing import Any

from farm.catalog.known import known_samplers
from farm.catalog.schema import ModelEntry
from farm.csv_records import CsvDialect
from farm.params.adapters import adapters_schema
from farm.params.best_of import MOST_POST_PROCESSORS
from farm.params.families import family_named
from farm.params.outputs import FORMATS, QUALITY, formats_of
from farm.params.request.base import PICTURES
from farm.params.request.seeds import SEED_SCHEMA
from farm.params.request.submission import CLASSES, SWEPT
from farm.params.sana import CONTROL_SCALES
from farm.params.sprint import STRENGTHS
from farm.params.timing import MOST_JOBS
from farm.params.wan import FRAMES_PER_LATENT
from farm.plugins import PluginKind, plugin_names


def parameters_schema(entry: ModelEntry, classes: Iterable[str] = CLASSES) -> dict[str, Any]:
    """A JSON Schema (2020-12) of the requests this model accepts; what request validation lets through fits it.

    `classes`: the names of the farm's classes, the most urgent first.

    Request validation is stricter in what a schema cannot say: pixels in all, sizes lost to rounding, renders of a job.
    """
    properties = _common(entry, list(classes)) | _size(entry) | _output(entry)
    fields = family_named(entry.family).parameters.model_fields
    if "complex_human_instruction" in fields:
        properties["complex_human_instruction"] = {
            "title": "Model's own instruction",
            "description": "puts the instruction the model was trained with before the prompt",
            "type": ["boolean", "null"],
            "default": entry.defaults.get("complex_human_instruction", True),
        }
    if "negative_prompt" in fields:
        properties |= _steering(entry)
    if "num_frames" in fields:
        properties |= _clip(entry)
    properties |= adapters_schema(entry)
    properties |= {name: shape for name, shape in _pictures(entry).items() if name in fields}
    needed = [name for name in PICTURES if name in fields and fields[name].is_required()]
    properties = {name: _or_list(shape) if name in SWEPT else shape for name, shape in properties.items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": entry.title,
        "type": "object",
        "additionalProperties": False,
        "required": ["model", "prompt", *needed],
        "properties": properties,
    }


def _common(entry: ModelEntry, classes: list[str]) -> dict[str, Any]:
    prompt = {"type": "string", "minLength": 1, "maxLength": entry.limits.prompt_chars}
    steps, guidance = entry.limits.steps, entry.limits.guidance
    return {
        "model": {"const": entry.name},
        "prompt": {
            "title": "Prompt",
            "anyOf": [prompt, {"type": "array", "items": prompt, "minItems": 1}],
        },
        **_templates(),
        "seed": {"title": "Seed", "description": "-1: draw one", "anyOf": [*SEED_SCHEMA["anyOf"], {"type": "null"}]},
        "seeds": {
            "title": "Seeds",
            "anyOf": [{"type": "array", "items": SEED_SCHEMA, "minItems": 1}, {"type": "null"}],
        },
        "seed_count": {
            "title": "Outputs per prompt",
            "type": ["integer", "null"],
            "minimum": 1,
            "default": 1,
        },
        "num_inference_steps": {
            "title": "Steps",
            "type": ["integer", "null"],
            "minimum": steps[0],
            "maximum": steps[1],
            "default": entry.defaults["num_inference_steps"],
        },
        "guidance_scale": {
            "title": "Guidance",
            "description": "how closely to follow the prompt; 1 is without guidance",
            "type": ["number", "null"],
            "minimum": guidance[0],
            "maximum": guidance[1],
            "default": entry.defaults["guidance_scale"],
        },
        "sampler": {
            "title": "Sampler",
            "description": "; ".join(f"{name}: {known_samplers().get(name, '')}" for name in entry.samplers),
            "enum": [*entry.samplers, None],
            "default": entry.defaults["sampler"],
        },
        "stop_at_step": {
            "title": "Stop at step",
            "description": "show a draft there, and wait for a choice of those that go on",
            "type": ["integer", "null"],
            "minimum": 1,
            "maximum": max(1, steps[1] - 1),
        },
        "deterministic": {
            "title": "Render alone",
            "description": "the same bytes again on the same kind of device, but slower",
            "type": ["boolean", "null"],
            "default": False,
        },
        **_speed(entry),
        "class": {"title": "Class", "enum": classes, "default": "normal"},
        "title": {"title": "Title", "type": ["string", "null"], "maxLength": 300},
        **_timing(),
        "dry_run": {
            "title": "Dry run",
            "description": "only say what it would be, cost and take",
            "type": ["boolean", "null"],
        },
    }


def _speed(entry: ModelEntry) -> dict[str, Any]:
    if entry.step_cache is None or entry.sharded:
        return {}
    about = "fast: what hardly changes from one pass to the next is left out; close to the picture of quality, not it"
    return {"speed": {"title": "Speed", "description": about, "enum": ["quality", "fast", None], "default": "quality"}}


def _output(entry: ModelEntry) -> dict[str, Any]:
    formats = formats_of(entry)
    return {
        "output_format": {
            "title": "Format",
            "description": "; ".join(f"{name}: {FORMATS[name].about}" for name in formats),
            "enum": [*formats, None],
            "default": formats[0],
        },
        "output_quality": {
            "title": "Quality of the file",
            "description": "left out: as fits the format",
            "type": ["integer", "null"],
            "minimum": QUALITY[0],
            "maximum": QUALITY[1],
        },
        "keep_latents": {
            "title": "Keep the latents",
            "description": "also store what the VAE decodes",
            "type": ["boolean", "null"],
            "default": False,
        },
        "post_processors": {
            "title": "Post-processors",
            "description": "plugins that change each output, one after the other",
            "type": ["array", "null"],
            "items": {"enum": list(plugin_names(PluginKind.POST_PROCESSOR))},
            "maxItems": MOST_POST_PROCESSORS,
        },
        "scorer": {
            "title": "Scorer",
            "description": "a plugin that says how good each output is",
            "enum": [*plugin_names(PluginKind.SCORER), None],
        },
        "keep_best": {
            "title": "Keep the best",
            "description": "of the seeds of each prompt, so many keep their output",
            "type": ["integer", "null"],
            "minimum": 1,
        },
    }


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


def _timing() -> dict[str, Any]:
    time = {"type": ["number", "string", "null"], "minimum": 0}
    return {
        "not_before": {"title": "Not before", "description": "held until then: seconds from now, or ISO 8601", **time},
        "deadline": {"title": "Deadline", "description": "what has not ended by then expires", **time},
        "after": {
            "title": "After",
            "description": "ids of jobs of the project that must end first",
            "type": ["array", "null"],
            "items": {"type": "string", "format": "uuid"},
            "maxItems": MOST_JOBS,
        },
        "after_failure": {
            "title": "If such a job fails",
            "description": "cancel this one, or run it nevertheless",
            "enum": ["cancel", "run", None],
        },
    }


def _templates() -> dict[str, Any]:
    texts = {"type": "array", "items": {"type": "string"}, "minItems": 1}
    lists = {"type": ["object", "null"], "additionalProperties": texts}
    row = {"type": "object", "additionalProperties": {"type": "string"}}
    return {
        "variables": {"title": "Variables", "description": "{name} takes every value", **lists},
        "rows": {
            "title": "Rows",
            "description": "a table or the text of a CSV file: {name} is a column, one prompt a row",
            "anyOf": [{"type": "array", "items": row, "minItems": 1}, {"type": ["string", "null"]}],
        },
        "csv_dialect": {
            "title": "CSV dialect",
            "description": "how that text is written, where its first line does not show it",
            "type": ["object", "null"],
            "properties": CsvDialect.model_json_schema()["properties"],
            "additionalProperties": False,
        },
        "wildcards": {"title": "Wildcards", "description": "__name__ takes one, by the seed", **lists},
    }


def _size(entry: ModelEntry) -> dict[str, Any]:
    sides: dict[str, Any] = {}
    for side, (low, high) in (("width", entry.limits.width), ("height", entry.limits.height)):
        sides[side] = {
            "title": side.capitalize(),
            "description": "pixels",
            "type": ["integer", "null"],
            "minimum": low,
            "maximum": high,
            "default": entry.defaults[side],
            # Not part of the standard: offered pairs, the default first.
            "x-sizes": [list(size) for size in entry.sizes],
        }
        if entry.bins is None:
            sides[side]["multipleOf"] = entry.size_multiple
    return sides


def _steering(entry: ModelEntry) -> dict[str, Any]:
    low, high = entry.limits.flow_shift
    return {
        "negative_prompt": {
            "title": "Negative prompt",
            "description": "what to keep out; needs guidance above 1",
            "type": ["string", "null"],
            "maxLength": entry.limits.prompt_chars,
            "default": entry.defaults.get("negative_prompt", ""),
        },
        "flow_shift": {
            "title": "Timestep shift",
            "description": "larger spends more of the steps on composition; left out: by the size",
            "type": ["number", "null"],
            "minimum": low,
            "maximum": high,
        },
    }


def _pictures(entry: ModelEntry) -> dict[str, Any]:
    picture = {"type": ["string", "null"], "x-picture": True}  # not part of the standard: a picture can be chosen
    return {
        "image": {"title": "Picture", "description": "to start from: the id of an uploaded one", **picture},
        "control_image": {"title": "Control picture", "description": "to follow: the id of an uploaded one", **picture},
        "strength": {
            "title": "Strength",
            "description": "how far the picture is noised first; 1: wholly. Needs a picture",
            "type": ["number", "null"],
            "minimum": STRENGTHS[0],
            "maximum": STRENGTHS[1],
        },
        "controlnet_conditioning_scale": {
            "title": "Control scale",
            "description": "how closely the control picture is followed",
            "type": ["number", "null"],
            "minimum": CONTROL_SCALES[0],
            "maximum": CONTROL_SCALES[1],
            "default": entry.defaults.get("controlnet_conditioning_scale", 1.0),
        },
    }


def _clip(entry: ModelEntry) -> dict[str, Any]:
    (fewest, most), (slowest, fastest) = entry.limits.frames, entry.limits.fps
    legal = [count for count in range(fewest, most + 1) if count % FRAMES_PER_LATENT == 1]
    return {
        "num_frames": {
            "title": "Frames",
            "description": "1 makes a still",
            "enum": [*legal, None],
            "default": entry.defaults.get("num_frames", fewest),
        },
        "fps": {
            "title": "Frames per second",
            "type": ["integer", "null"],
            "minimum": slowest,
            "maximum": fastest,
            "default": entry.defaults.get("fps", slowest),
        },
    }
