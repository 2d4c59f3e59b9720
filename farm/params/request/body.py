"""The body of a request: JSON, read strictly, so that nothing strange reaches the rest of the farm.

Refused with what to do: too many bytes, no UTF-8, no JSON, NaN and Infinity (no JSON either, though Python
reads them), numbers beyond any use, keys given twice, deep nesting, lone surrogates.
"""

import json
import math
import re
from collections.abc import Iterator
from typing import Any, NoReturn

from farm.byte_order_marks import MARK
from farm.errors import BadJson, Fault, TooLarge
from farm.params.request.submission import pointer, shown

MAX_DEPTH = 20
MAX_DIGITS = 40
#: Lists and objects of a body, those in texts too: a table has one for each row.
MOST_BRACKETS = 50_000
#: Of one object; a request has about fifty fields.
MOST_KEYS = 1_000
#: UTF-8 has no half characters; only an escape can bring one.
_HALF_CHARACTER = re.compile(r"\\u[dD][89a-fA-F]")
#: A string (also one that never ends, so that the scan stays linear) or a bracket.
_TOKEN = re.compile(r'"(?:\\.|[^"\\])*+"?|[\[\]{}]', re.DOTALL)


def parse_json_body(raw: bytes, max_bytes: int) -> object:
    """The JSON value of a request body.

    Raises:
        TooLarge: more than `max_bytes` (413).
        BadJson: anything else that is wrong with the form, with its place (400).
    """
    if len(raw) > max_bytes:
        raise TooLarge(
            f"the body has {len(raw):,} bytes and this farm accepts {max_bytes:,}; split it into several jobs"
        )
    if not raw.strip():
        _refuse("the body is empty; send a JSON object")
    try:
        text = raw.decode("utf-8").removeprefix(MARK)  # RFC 8259 lets a reader pass over it
    except UnicodeDecodeError as error:
        _refuse(f"the body is not UTF-8 text (byte {error.start:,}); encode it as UTF-8")
    _check_depth(text)
    try:
        value: object = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_no_constant,
            parse_int=_whole,
            parse_float=_real,
        )
    except json.JSONDecodeError as error:
        _refuse(f"the body is not JSON: {error.msg} in line {error.lineno}, column {error.colno}")
    if _HALF_CHARACTER.search(text) is None:
        return value
    faults = [
        Fault(where, f"holds half of a character (lone surrogate) in {shown(found)}; send whole characters")
        for where, found in _texts(value, "")
        if any(0xD800 <= ord(character) <= 0xDFFF for character in found)
    ]
    if faults:
        raise BadJson(faults)
    return value


def _check_depth(text: str) -> None:
    # Before json.loads, which would meet Python's recursion limit somewhere in the middle.
    brackets = text.count("[") + text.count("{")
    if brackets <= MAX_DEPTH:
        return
    if brackets > MOST_BRACKETS:
        _refuse(f"the body has {brackets:,} lists and objects; at most {MOST_BRACKETS:,} are read")
    depth = 0
    for token in _TOKEN.finditer(text):
        bracket = token.group()
        if bracket in ("[", "{"):
            depth += 1
            if depth > MAX_DEPTH:
                _refuse(f"the body is nested more than {MAX_DEPTH} levels deep; a job needs three")
        elif bracket in ("]", "}"):
            depth -= 1


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > MOST_KEYS:
        _refuse(f"an object of the body has {len(pairs):,} keys; at most {MOST_KEYS:,} are read")
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            _refuse(f"the key {shown(key)} is given twice in one object; keep one")
        found[key] = value
    return found


def _no_constant(name: str) -> NoReturn:
    _refuse(f"{name} is no JSON number; leave the field out for its default")


def _whole(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        _refuse(f"a number has {len(digits):,} digits; at most {MAX_DIGITS} are read")
    return int(digits)


def _real(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        _refuse(f"the number {shown(text)} is too large")
    return value


def _texts(value: object, where: str) -> Iterator[tuple[str, str]]:
    """All texts in a value, keys too, with their JSON pointers."""
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, where + pointer(index))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield where, key
            yield from _texts(item, where + pointer(key))


def _refuse(message: str) -> NoReturn:
    raise BadJson([Fault("", message)])
