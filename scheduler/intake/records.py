"""From a record to the fields of a request: JSON objects, or cells of a table under the names of its columns."""

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from farm.csv_records import by_name, column_names
from farm.did_you_mean import did_you_mean
from farm.errors import BadJson, Fault, InvalidRequest, TooLarge
from farm.params import JobRequest, parse_json_body

#: What is the same for all renders of a job, and so cannot stand in a row.
OF_THE_JOB = frozenset(
    {"model", "class", "class_name", "title", "not_before", "deadline", "after", "after_failure", "dry_run"}
    | {"scorer", "keep_best", "csv_dialect"}
)
_SEEDS = frozenset({"seed", "seeds", "seed_count"})
#: What spreadsheets make of numbers: a whole one with a fraction, one that is rounded to a power of ten, one with a
#: decimal comma. Three digits behind a comma or point may be thousands: that is not guessed.
_WHOLE_WITH_ZEROS = re.compile(r"([+-]?\d+)[.,]0{1,2}")
_ROUNDED = re.compile(r"[+-]?\d+([.,]\d+)?[eE][+-]?\d+")
_DECIMAL_COMMA = re.compile(r"([+-]?\d+),(\d{1,2}|\d{4,})")


def read_json(raw: bytes, max_bytes: int) -> dict[str, Any]:
    """One line of JSONL. Raises InvalidRequest with what is wrong."""
    try:
        document = parse_json_body(raw, max_bytes)
    except (BadJson, TooLarge) as error:
        told = [fault.message.replace("the body", "the row").replace("line 1, ", "") for fault in error.faults]
        raise InvalidRequest([Fault("", text) for text in told or [f"has more than {max_bytes:,} bytes"]]) from error
    if not isinstance(document, dict):
        raise InvalidRequest([Fault("", 'a row must be a JSON object, such as {"prompt": "a red circle"}')])
    return document


def read_columns(cells: Sequence[str]) -> list[str]:
    """The names of the columns: the first record of a CSV file. Raises InvalidRequest."""
    names = column_names(cells)
    if wrong := [name for name in names if name in OF_THE_JOB]:
        raise InvalidRequest([_for_all(name) for name in wrong])
    return names


def read_cells(cells: Sequence[str], columns: Sequence[str]) -> dict[str, Any]:
    """One record of CSV: empty cells are left out, columns that no request has fill the gaps of the prompt.

    Raises InvalidRequest with what is wrong.
    """
    document: dict[str, Any] = {}
    for name, cell in by_name(cells, columns).items():
        if name not in _kinds():
            document.setdefault("variables", {})[name] = [cell]
        elif cell.strip():
            document[name] = _from_cell(name, cell)
    return document


def check_columns(columns: list[str], defaults: Mapping[str, Any]) -> None:
    """A column that no request has must fill a gap of the prompt. Raises InvalidRequest."""
    if "prompt" in columns:
        return  # the gaps are in the rows, and each row is looked at
    prompts = str(defaults.get("prompt", ""))
    known = [name for name in _kinds() if name not in OF_THE_JOB]
    faults = [
        Fault(f"/{name}", f"unknown column: neither a parameter nor a gap of the prompt; {did_you_mean(name, known)}")
        for name in columns
        if name and name not in _kinds() and "{" + name + "}" not in prompts
    ]
    if not faults and "prompt" not in defaults:
        faults = [Fault("/prompt", "there is no such column, and the job has no prompt for all rows")]
    if faults:
        raise InvalidRequest(faults)


def with_defaults(defaults: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, Any]:
    """The request of one row: what it says goes before what the job says. Raises InvalidRequest."""
    if wrong := OF_THE_JOB.intersection(row):
        raise InvalidRequest([_for_all(name) for name in sorted(wrong)])
    mine = _SEEDS if _SEEDS.intersection(row) else frozenset[str]()
    return {name: value for name, value in defaults.items() if name not in mine} | dict(row)


def from_text(name: str, text: str) -> Any:
    """The value of a field that came as text: a cell, or a query parameter. What is no value stays text."""
    kinds = _kinds().get(name, frozenset({"string"}))
    if "string" in kinds and not kinds & {"number", "integer"}:
        return text
    lowered = text.strip().lower()
    if lowered in ("true", "false"):
        return lowered == "true"
    try:
        return json.loads(text, parse_constant=lambda constant: text)
    except (ValueError, RecursionError):
        return text


def _from_cell(name: str, cell: str) -> Any:
    """The value of a cell; numbers also as spreadsheets write them. Raises InvalidRequest."""
    kinds, text = _kinds()[name], cell.strip()
    if "integer" in kinds and "number" not in kinds:
        if _ROUNDED.fullmatch(text):
            told = f"{text} is a number whose last digits a spreadsheet has rounded off; give the column the format '0'"
            raise InvalidRequest([Fault(f"/{name}", told)])
        if whole := _WHOLE_WITH_ZEROS.fullmatch(text):
            return int(whole[1])
    if "number" in kinds and (comma := _DECIMAL_COMMA.fullmatch(text)):
        return float(f"{comma[1]}.{comma[2]}")
    return from_text(name, cell)


@cache
def _kinds() -> Mapping[str, frozenset[str]]:
    """The fields of a request by the name users give them, with the JSON types that each may have."""
    properties = JobRequest.model_json_schema(by_alias=True)["properties"]
    return {
        name: frozenset(
            "object" if "$ref" in kind else kind.get("type", "string") for kind in shape.get("anyOf", [shape])
        )
        - {"null"}
        for name, shape in properties.items()
    }


def _for_all(name: str) -> Fault:
    return Fault(f"/{name}", "is the same for all renders of a job; give it with the request, not in a row")
