"""The submit form: fields from a model's JSON Schema, and what was typed as the request that the API would get.

What was typed is never corrected here: a word in a number's place goes on to request validation, which says what is
wrong.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from werkzeug.datastructures import MultiDict

from dashboard.web.form.adapters import read_adapters, write_adapters
from dashboard.web.form.numbers import number
from farm.byte_order_marks import lines_with_words
from farm.errors import Fault
from farm.params.pictures import asked_again
from farm.params.request.declared import SWEPT
from farm.sentences import Sentence, sentence

Typed = Mapping[str, Any] | MultiDict[str, str]

#: Fields that the template lays out by itself.
_LAID_OUT = frozenset(
    {"model", "prompt", "negative_prompt", "seed", "seeds", "seed_count", "width", "height", "title"}
    | {"variables", "rows", "wildcards", "dry_run", "not_before", "deadline", "after", "after_failure"}
)
#: Fields for those who write requests: what can be named is up to the packages that are installed.
_NOT_DRAWN = frozenset({"post_processors", "scorer", "keep_best", "csv_dialect"})
_SWEEPS = frozenset({"variables", "rows", "wildcards"})
#: What people move until it looks right, and in which steps.
_SLIDERS = {"num_inference_steps": "1", "guidance_scale": "0.1", "guidance_scale_2": "0.1"}
_CLASS_HINT = "urgent before normal before bulk"


@dataclass(frozen=True)
class FormField:
    """One field: how it is drawn, and what may be typed."""

    name: str
    label: str
    kind: str  # number | text | choice | switch | picture | clip | pictures | adapters
    hint: str
    default: Any
    minimum: float | None = None
    maximum: float | None = None
    step: str = "any"
    choices: tuple[str, ...] = ()

    @property
    def slides(self) -> str:
        """The step of its slider; '' where it has none, or where nothing stands in it at first."""
        bounded = self.kind == "number" and self.minimum is not None and self.maximum is not None
        return _SLIDERS.get(self.name, "") if bounded and self.default is not None else ""

    @property
    def varies(self) -> bool:
        """Whether a job may have a list of values of it."""
        return self.name in SWEPT


@dataclass(frozen=True)
class Form:
    """The form of one model."""

    sizes: list[tuple[int, int]]
    has_negative_prompt: bool
    prompt_chars: int
    width: FormField
    height: FormField
    count: FormField
    options: list[FormField]  # all others, in the schema's order


def form_of(schema: Mapping[str, Any]) -> Form:
    """The form for `farm.params.parameters_schema` of a model."""
    properties = schema["properties"]
    return Form(
        sizes=[(width, height) for width, height in properties["width"]["x-sizes"]],
        has_negative_prompt="negative_prompt" in properties,
        prompt_chars=properties["prompt"]["anyOf"][0]["maxLength"],
        width=_field("width", properties["width"]),
        height=_field("height", properties["height"]),
        count=_field("seed_count", properties["seed_count"]),
        options=[_field(name, shape) for name, shape in properties.items() if name not in _LAID_OUT | _NOT_DRAWN],
    )


def _field(name: str, shape: Mapping[str, Any]) -> FormField:
    label, hint, default = shape.get("title", name), shape.get("description", ""), shape.get("default")
    shape = shape.get("anyOf", [shape])[0]  # one value, not a list of them
    if shape.get("x-picture") or shape.get("x-clip"):
        return FormField(name, label, _file_kind(shape), hint, None)
    if "x-adapters" in shape:
        return FormField(name, label, "adapters", hint, None, choices=tuple(shape["x-adapters"]))
    if "enum" in shape:
        choices = tuple(str(value) for value in shape["enum"] if value is not None)
        return FormField(name, label, "choice", _CLASS_HINT if name == "class" else hint, str(default), choices=choices)
    types = shape["type"] if isinstance(shape["type"], list) else [shape["type"]]
    if "boolean" in types:
        return FormField(name, label, "switch", hint, bool(default))
    if "string" in types:
        return FormField(name, label, "text", hint, default)
    step = str(shape.get("multipleOf", 1)) if "integer" in types else "any"
    return FormField(name, label, "number", hint, default, shape.get("minimum"), shape.get("maximum"), step)


def _file_kind(shape: Mapping[str, Any]) -> str:
    """ "clip": a picture will do too; "clip alone": it will not."""
    if shape.get("x-clip"):
        return "clip" if shape.get("x-picture") else "clip alone"
    return "pictures" if "array" in shape.get("type", ()) else "picture"


def read_typed(typed: MultiDict[str, str], form: Form) -> dict[str, Any]:
    """The request as the API would get it; what was left empty is left out."""
    request: dict[str, Any] = {"model": typed.get("model", "")}
    prompts = lines_with_words(typed.get("prompt", ""))
    request["prompt"] = prompts[0] if len(prompts) == 1 else prompts
    if form.has_negative_prompt and typed.get("negative_prompt", "").strip():
        request["negative_prompt"] = typed["negative_prompt"].strip()
    _read_seeds(typed, request)
    _read_size(typed, request)
    for field in form.options:
        _read_option(field, typed, request)
    if title := typed.get("title", "").strip():
        request["title"] = title
    return request


def _read_seeds(typed: MultiDict[str, str], request: dict[str, Any]) -> None:
    seeds = typed.get("seeds", "").replace(",", " ").split()
    if seeds:
        request["seeds"] = [number(seed, int) for seed in seeds]
    elif count := typed.get("seed_count", "").strip():
        request["seed_count"] = number(count, int)


def _read_size(typed: MultiDict[str, str], request: dict[str, Any]) -> None:
    width, _, height = typed.get("size", "").partition("x")
    if not height:  # 'other', or nothing chosen
        width, height = typed.get("width", "").strip(), typed.get("height", "").strip()
    for side, value in (("width", width), ("height", height)):
        if value:
            request[side] = number(value, int)


def _read_option(field: FormField, typed: MultiDict[str, str], request: dict[str, Any]) -> None:
    if field.kind == "switch":
        request[field.name] = field.name in typed
        return
    if field.kind == "pictures":
        if chosen := chosen_of(typed, field.name):
            request[field.name] = chosen
        return
    value = typed.get(field.name, "").strip()
    if not value:
        return
    if field.kind == "adapters":
        request[field.name] = read_adapters(value)
        return
    whole = field.step != "any" or (field.kind == "choice" and value.isdecimal())
    numeric = field.kind == "number" or whole
    request[field.name] = number(value, int if whole else float) if numeric else value


def chosen_of(typed: Typed, name: str) -> list[str]:
    """The ids of a field of several pictures: chosen on the page, kept in a preset, or of an earlier render."""
    found = typed.getlist(name) if isinstance(typed, MultiDict) else typed.get(name) or []
    texts = [found] if isinstance(found, str) else found
    return [part for text in texts for part in text.replace(",", " ").split()]


def by_field(faults: Sequence[Fault], form: Form) -> dict[str, list[str]]:
    """Faults under the name of the field they belong to: '/prompt/3' → prompt, 'line 4: …'; '' for all others."""
    fields = (_LAID_OUT | {"sweep"} | {option.name for option in form.options}) - {"model"}
    found: dict[str, list[str]] = {}
    for fault in faults:
        name, _, place = fault.field.removeprefix("/").partition("/")
        message = _placed(name, int(place) + 1, fault.message) if place.isdecimal() else fault.message
        field = "seeds" if name == "seed" else "sweep" if name in _SWEEPS else name if name in fields else ""
        found.setdefault(field, []).append(message)
    return found


def _placed(name: str, number: int, message: str) -> Sentence:
    if name == "prompt":
        return sentence("line %(number)s: %(fault)s", number=number, fault=message)
    if name == "seeds":
        return sentence("seed %(number)s: %(fault)s", number=number, fault=message)
    return sentence("value %(number)s: %(fault)s", number=number, fault=message)


def typed_again(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """What to fill in so that a render's parameters are asked for once more."""
    filled = {name: value for name, value in parameters.items() if value is not None}
    filled["seeds"] = str(filled.pop("seed", ""))
    filled["loras"] = write_adapters(parameters.get("loras") or ())
    filled["allow_partial"] = any(adapter.get("partial") for adapter in parameters.get("loras") or ())
    filled |= asked_again(parameters)
    return filled
