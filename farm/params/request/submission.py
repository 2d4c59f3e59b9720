"""What a user submits, read with every fault of type and form at once."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from pydantic import ValidationError
from pydantic_core import SchemaValidator

from farm.byte_order_marks import without_marks
from farm.did_you_mean import did_you_mean
from farm.errors import MAX_FAULTS, Fault, InvalidRequest, in_words
from farm.params.request.declared import SWEPT
from farm.params.request.job_request import JobRequest
from farm.sentences import sentence

#: Of the body, and of a list or a table in it: a job has at most ten thousand renders.
MOST_FIELDS = 1_000
MOST_ITEMS = 20_000


def read_request(document: object) -> tuple[JobRequest | None, list[Fault]]:
    """A request from parsed JSON, and its faults of type and form. Byte order marks are taken out of all texts.

    With faults, the request holds what was right (None if the model was not), so that a caller can look
    for the other faults as well.
    """
    if not isinstance(document, dict):
        return None, [Fault("", sentence("the body must be a JSON object; seen %(seen)s", seen=_kind(document)))]
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
        (bool, sentence("true or false")),
        (int, sentence("a number")),
        (float, sentence("a number")),
        (str, sentence("a text")),
        (list, sentence("a list")),
        (dict, sentence("an object")),
    )
    return next((word for kind, word in kinds if isinstance(value, kind)), sentence("null"))


#: Fields that take one value or several: pydantic tells the faults of each way on its own.
_EITHER = frozenset({"prompt", "rows", "not_before", "deadline", *SWEPT})
_WANTED = {
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": sentence("must be a number"),
    "finite_number": sentence("must be a finite number"),
    "string_type": sentence("must be a text"),
    "bool_type": sentence("must be true or false"),
    "list_type": sentence("must be a list"),
    "dict_type": sentence("must be an object"),
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
            message = sentence("is missing; every job needs it")
        elif location == ["prompt"]:
            message = sentence("must be a text or a list of texts; seen %(seen)s", seen=_kind(seen))
        elif location == ["rows"]:
            message = f"must be a list of objects or the text of a CSV file; seen {_kind(seen)}"
        elif location in (["not_before"], ["deadline"]):
            message = f"must be a number of seconds or a text in ISO 8601; seen {_kind(seen)} {shown(seen)}"
        elif kind in _WANTED:
            message = sentence(
                "%(rule)s; seen %(kind)s %(seen)s", rule=_WANTED[kind], kind=_kind(seen), seen=shown(seen)
            )
        else:
            message = f"{in_words(found['msg'])}; seen {shown(seen)}"
        several = isinstance(seen, list) and location[0] not in ("not_before", "deadline")
        if not (len(location) == 1 and location[0] in _EITHER and several):
            faults.setdefault(where, Fault(where, message))
    return list(faults.values())
