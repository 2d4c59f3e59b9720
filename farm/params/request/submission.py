"""What a user submits: `JobRequest`, the body of POST /api/v1/jobs, read with every fault at once."""

from collections.abc import Sequence
from functools import cache
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import SchemaValidator

from farm.byte_order_marks import without_marks
from farm.csv_records import CsvDialect
from farm.did_you_mean import did_you_mean
from farm.errors import MAX_FAULTS, Fault, InvalidRequest, in_words
from farm.params.request.base import PICTURES, Speed
from farm.params.request.seeds import Seed

#: The classes of a farm whose settings name no others.
CLASSES = ("urgent", "normal", "bulk")
#: Of the body, and of a list or a table in it: a job has at most ten thousand renders.
MOST_FIELDS = 1_000
MOST_ITEMS = 20_000
AfterFailure = Literal["cancel", "run"]


#: The parameters that may be lists, in the order in which they vary: the last the fastest, but for seeds.
SWEPT = (
    "width",
    "height",
    "num_frames",
    "fps",
    "num_inference_steps",
    "guidance_scale",
    "sampler",
    "flow_shift",
    "strength",
    "controlnet_conditioning_scale",
    "complex_human_instruction",
    "negative_prompt",
    "deterministic",
    "speed",
    "output_format",
    "output_quality",
)
#: All that a render keeps when it is looked at again by request validation for another model.
CARRIED = (*SWEPT, "loras", "keep_latents", "post_processors", "stop_at_step", *PICTURES)


class AdapterUse(BaseModel):
    """An adapter (LoRA) that a job asks for."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    name: str = Field(description="of the catalog, or the id of an uploaded one")
    weight: float | None = Field(None, description="how strongly it works; none: as the catalog says, or 1")


class JobRequest(BaseModel):
    """One model, one or many prompts x seeds x values; what is left out takes the model's default.

    Any parameter may be a list: every combination is rendered.

    Types are strict: `"20"`, `20.0` and `true` are no numbers of steps.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, populate_by_name=True)

    model: str = Field(description="a name of GET /api/v1/models")
    prompt: str | list[str] = Field(description="one prompt, or a list: each is rendered with each seed")
    variables: dict[str, list[str]] | None = Field(None, description="what fills {name} in a prompt: every value")
    rows: list[dict[str, str]] | str | None = Field(
        None, description="a table, or the text of a CSV file, whose columns fill {name}: one prompt a row"
    )
    csv_dialect: CsvDialect | None = Field(
        None, description="how that text, or a streamed CSV file, is written, where its first line does not show it"
    )
    wildcards: dict[str, list[str]] | None = Field(
        None, description="what fills __name__ in a prompt: one, drawn from the render's seed"
    )
    negative_prompt: str | list[str] | None = Field(None, description="what to keep out; Sana and Wan")
    seed: Seed | None = Field(
        None, description="one seed for every prompt, a number or its digits as a text; -1: the farm draws one"
    )
    seeds: list[Seed] | None = Field(None, description="each prompt is rendered with each of these")
    seed_count: int | None = Field(None, ge=1, description="draw so many seeds; the answer says which")
    width: int | list[int] | None = Field(None, description="pixels")
    height: int | list[int] | None = Field(None, description="pixels")
    num_frames: int | list[int] | None = Field(None, description="of a clip: 4k + 1")
    fps: int | list[int] | None = Field(None, description="of a clip, as it is stored")
    num_inference_steps: int | list[int] | None = None
    guidance_scale: float | list[float] | None = None
    sampler: str | list[str] | None = None
    flow_shift: float | list[float] | None = Field(
        None, description="timestep shift; larger spends more steps on composition"
    )
    complex_human_instruction: bool | list[bool] | None = Field(
        None, description="Sana's own instruction before the prompt"
    )
    deterministic: bool | list[bool] | None = Field(None, description="render alone: the same bytes again, but slower")
    speed: Speed | list[Speed] | None = Field(
        None, description="fast: leave out of passes what hardly changes, where the model has a way"
    )
    image: str | None = Field(None, description="the id of an uploaded picture to start from")
    control_image: str | None = Field(None, description="the id of an uploaded picture that steers the composition")
    strength: float | list[float] | None = Field(
        None, description="how far `image` is noised before the first step; 1: wholly"
    )
    controlnet_conditioning_scale: float | list[float] | None = Field(
        None, description="how closely `control_image` is followed"
    )
    loras: list[AdapterUse] | None = Field(None, description="adapters of the model, or uploaded ones, with weights")
    allow_partial: bool | None = Field(
        None, description="take adapters too of which the model can use only some layers; the answer says how many"
    )
    stop_at_step: int | None = Field(
        None, ge=1, description="render so many steps, show a draft, and wait for a choice of those that go on"
    )
    output_format: str | list[str] | None = Field(
        None, description="png, webp, jpeg or avif; of a clip mp4, webp or gif"
    )
    output_quality: int | list[int] | None = Field(None, description="1 … 100; webp at 100 keeps every bit")
    keep_latents: bool | None = Field(None, description="store what the VAE decodes too, as safetensors")
    post_processors: list[str] | None = Field(None, description="plugins that change each output, one after the other")
    scorer: str | None = Field(None, description="a plugin that says how good each output is")
    keep_best: int | None = Field(None, ge=1, description="of the seeds of each prompt, so many keep their output")
    class_name: str = Field(
        "normal",
        alias="class",
        description="urgent before normal before bulk, or another class of the farm's settings",
        json_schema_extra={"examples": list(CLASSES)},
    )
    title: str | None = Field(None, max_length=300)
    not_before: float | str | None = Field(None, description="held until then: seconds from now, or ISO 8601 with zone")
    deadline: float | str | None = Field(None, description="what has not ended by then expires: seconds, or ISO 8601")
    after: list[str] | None = Field(None, description="ids of jobs of the project that must end first")
    after_failure: AfterFailure | None = Field(
        None, description="if one of them does not end as done: cancel this job (the default), or run it nevertheless"
    )
    dry_run: bool | None = Field(None, description="only say what it would be, cost and take; nothing is accepted")

    @property
    def prompts(self) -> list[str]:
        """All prompts, also when there is one."""
        return [self.prompt] if isinstance(self.prompt, str) else self.prompt


def read_request(document: object) -> tuple[JobRequest | None, list[Fault]]:
    """A request from parsed JSON, and its faults of type and form. Byte order marks are taken out of all texts.

    With faults, the request holds what was right (None if the model was not), so that a caller can look
    for the other faults as well.
    """
    if not isinstance(document, dict):
        return None, [Fault("", f"the body must be a JSON object; seen {_kind(document)}")]
    if faults := _size_faults(document):
        return None, faults
    fields: dict[str, Any] = without_marks(document)
    try:
        return JobRequest.model_validate(fields), []
    except ValidationError as error:
        faults = _faults(error) if error.error_count() <= MAX_FAULTS else _first_faults(fields)
    wrong = {fault.field.split("/")[1] for fault in faults if fault.field}
    rest = {key: value for key, value in fields.items() if key not in {_unescape(name) for name in wrong}}
    if "prompt" in wrong:
        rest["prompt"] = "stands in for the faulty one"
    try:
        return JobRequest.model_validate(rest), faults
    except ValidationError:
        return None, faults


def parse_request(document: object) -> JobRequest:
    """A request from parsed JSON.

    Raises:
        InvalidRequest: with every fault of type and form; `check_request` finds those of the model too.
    """
    request, faults = read_request(document)
    if faults or request is None:
        raise InvalidRequest(faults)
    return request


def pointer(*parts: str | int) -> str:
    """A JSON pointer (RFC 6901) to a place in the body."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def shown(value: object) -> str:
    """A value as a fault shows it: short, and printable whatever it holds."""
    text = ascii(value) if isinstance(value, str) and not value.isprintable() else repr(value)
    return text if len(text) <= 80 else text[:77] + "…"


def _unescape(name: str) -> str:
    return name.replace("~1", "/").replace("~0", "~")


def _kind(value: object) -> str:
    kinds: Sequence[tuple[type, str]] = (
        (bool, "true or false"),
        (int, "a number"),
        (float, "a number"),
        (str, "a text"),
        (list, "a list"),
        (dict, "an object"),
    )
    return next((word for kind, word in kinds if isinstance(value, kind)), "null")


#: Fields that take one value or several: pydantic tells the faults of each way on its own.
_EITHER = frozenset({"prompt", "rows", "not_before", "deadline", *SWEPT})
_WANTED = {
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "string_type": "must be a text",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "dict_type": "must be an object",
}


def _size_faults(document: dict[str, Any]) -> list[Fault]:
    """What has more items than any request can mean is not looked at one by one."""
    if len(document) > MOST_FIELDS:
        return [Fault("", f"the body has {len(document):,} fields, and no request has more than {MOST_FIELDS}")]
    return [
        Fault(pointer(name), f"has {len(value):,} items; at most {MOST_ITEMS:,} are read")
        for name, value in document.items()
        if isinstance(value, list | dict) and len(value) > MOST_ITEMS
    ]


def _first_faults(fields: dict[str, Any]) -> list[Fault]:
    """Where very much is wrong: of each list the first fault, since pydantic would tell of all or of none."""
    try:
        _failing_fast().validate_python(fields)
    except ValidationError as error:
        return _faults(error)
    raise AssertionError("what a model refuses, its schema refuses")


@cache
def _failing_fast() -> SchemaValidator:
    def changed(schema: Any) -> Any:
        if isinstance(schema, list | tuple):
            return type(schema)(changed(part) for part in schema)
        if not isinstance(schema, dict):
            return schema
        parts = {name: part if name == "metadata" else changed(part) for name, part in schema.items()}
        return parts | {"fail_fast": True} if schema.get("type") == "list" else parts

    return SchemaValidator(changed(JobRequest.__pydantic_core_schema__))


def _faults(error: ValidationError) -> list[Fault]:
    """Faults in our words; the two ways to give a field, one value or a list, are one fault, not two."""
    faults: dict[str, Fault] = {}
    for found in error.errors(include_url=False):
        location = list(found["loc"])
        if location[0] in _EITHER:
            del location[1:2]  # which of the two ways
        where, kind, seen = pointer(*location), found["type"], found["input"]
        if kind == "extra_forbidden":
            known = [field.alias or name for name, field in JobRequest.model_fields.items()]
            message = "unknown field"
            if len(faults) <= MAX_FAULTS:  # to guess what was meant takes a while
                message += f"; {did_you_mean(str(location[-1]), known, show=5)}"
        elif kind == "missing":
            message = "is missing; every job needs it"
        elif location == ["prompt"]:
            message = f"must be a text or a list of texts; seen {_kind(seen)}"
        elif location == ["rows"]:
            message = f"must be a list of objects or the text of a CSV file; seen {_kind(seen)}"
        elif location in (["not_before"], ["deadline"]):
            message = f"must be a number of seconds or a text in ISO 8601; seen {_kind(seen)} {shown(seen)}"
        elif kind in _WANTED:
            message = f"{_WANTED[kind]}; seen {_kind(seen)} {shown(seen)}"
        else:
            message = f"{in_words(found['msg'])}; seen {shown(seen)}"
        several = isinstance(seen, list) and location[0] not in ("not_before", "deadline")
        if not (len(location) == 1 and location[0] in _EITHER and several):
            faults.setdefault(where, Fault(where, message))
    return list(faults.values())
