"""A trace: what was submitted when. Read from CSV or JSON lines, or made by `scheduler.simulate.traces.generate`.

Columns (CSV with a header) or keys (JSON lines): `at` (seconds from the beginning), `project`, `class` (urgent,
normal or bulk), `model`, `renders`, and, where the model's defaults are not meant, `width`, `height`, `frames`,
`steps`. Only `at` must be there.
"""

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from farm.byte_order_marks import without_marks
from farm.csv_records import CsvReader, by_name, column_names
from farm.errors import Fault, InvalidRequest
from farm.file_errors import file_error

CLASS_NAMES = ("urgent", "normal", "bulk")
_WHOLE = {"renders", "width", "height", "frames", "steps"}
#: Faults of a file that are told; more of them are alike.
_MOST_FAULTS = 20


@dataclass(frozen=True)
class Arrival:
    """A job: so many renders, alike but for their seeds. Sizes in pixels; none means the model's default."""

    at: float  # seconds from the beginning of the trace
    project: str = "project"
    class_name: str = "normal"
    model: str = "sana-demo"
    renders: int = 1
    width: int | None = None
    height: int | None = None
    frames: int | None = None
    steps: int | None = None

    @property
    def kind(self) -> tuple[str, int | None, int | None, int | None, int | None]:
        """All that decides how long one of its renders takes."""
        return self.model, self.width, self.height, self.frames, self.steps


Trace = Sequence[Arrival]
_COLUMNS = {"class" if field.name == "class_name" else field.name: field.name for field in fields(Arrival)}


def read_trace(path: Path, *, model: str | None = None) -> list[Arrival]:
    """The arrivals of a file by their time; `model` is meant where a row names none.

    Raises:
        InvalidRequest: the file cannot be read; every fault has its line.
    """
    faults: list[Fault] = []
    arrivals: list[Arrival] = []
    try:
        for line, row in _rows(path, faults):
            if (arrival := _arrival(row, line, model, faults)) is not None:
                arrivals.append(arrival)
    except OSError as error:
        faults.append(Fault(str(path), f"cannot be read: {file_error(error)}"))
    except UnicodeDecodeError as error:
        faults.append(Fault(str(path), f"cannot be read: it is not UTF-8 text (byte {error.start:,})"))
    if not arrivals and not faults:
        faults.append(Fault(str(path), "holds no arrival; it needs a header and rows (CSV) or an object a line (JSON)"))
    if faults:
        raise InvalidRequest(faults[:_MOST_FAULTS])
    return sorted(arrivals, key=lambda arrival: arrival.at)


def write_trace(path: Path, trace: Iterable[Arrival]) -> None:
    """Write a trace as JSON lines, or as CSV where the name ends in .csv."""
    rows = [{column: asdict(arrival)[name] for column, name in _COLUMNS.items()} for arrival in trace]
    with path.open("w", encoding="utf-8", newline="") as file:
        if path.suffix == ".csv":
            writer = csv.DictWriter(file, list(_COLUMNS))
            writer.writeheader()
            writer.writerows(rows)
        else:
            file.writelines(json.dumps({key: value for key, value in row.items() if value is not None}) + "\n"
                            for row in rows)  # fmt: skip


def _rows(path: Path, faults: list[Fault]) -> Iterator[tuple[int, dict[str, Any]]]:
    with path.open(encoding="utf-8", newline="") as file:
        if path.suffix == ".csv":
            yield from _table(file, faults)
            return
        for line, text in enumerate(map(without_marks, file), 1):
            if not text.strip():
                continue
            try:
                row = json.loads(text)
            except ValueError as error:
                faults.append(Fault(f"line {line}", f"is no JSON: {error}"))
                continue
            if isinstance(row, dict):
                yield line, row
            else:
                faults.append(Fault(f"line {line}", "must be a JSON object"))


def _table(file: Iterable[str], faults: list[Fault]) -> Iterator[tuple[int, dict[str, Any]]]:
    names: list[str] = []
    line = 1
    for record in CsvReader(file):
        try:
            if record.fault is not None:
                raise InvalidRequest([Fault("", record.fault)])
            if not record.blank and not names:
                names = column_names(record.cells)
            elif not record.blank:
                yield line, {name: cell for name, cell in by_name(record.cells, names).items() if cell.strip()}
        except InvalidRequest as refused:
            faults += [Fault(f"line {line}", fault.message) for fault in refused.faults]
        line += record.lines


def _arrival(row: dict[str, Any], line: int, model: str | None, faults: list[Fault]) -> Arrival | None:
    before = len(faults)
    values: dict[str, Any] = {} if model is None else {"model": model}
    for column, value in row.items():
        if column not in _COLUMNS:
            faults.append(Fault(f"line {line}", f"unknown column {column!r}; known are {', '.join(_COLUMNS)}"))
        elif column == "at" or column in _WHOLE:
            values[_COLUMNS[column]] = _number(column, value, line, faults)
        else:
            values[_COLUMNS[column]] = str(value)
    if "at" not in values:
        faults.append(Fault(f"line {line}", "'at' is missing: seconds from the beginning of the trace"))
    if values.get("class_name", "normal") not in CLASS_NAMES:
        told = f"class must be one of {', '.join(CLASS_NAMES)}; seen {values['class_name']!r}"
        faults.append(Fault(f"line {line}", told))
    return Arrival(**values) if len(faults) == before else None


def _number(column: str, value: Any, line: int, faults: list[Fault]) -> float | int:
    try:
        number = float(value)
        if column == "at" and 0 <= number < float("inf"):
            return number
        if column in _WHOLE and number >= 1 and number == int(number):
            return int(number)
    except (TypeError, ValueError, OverflowError):
        pass
    rule = "a number of seconds from 0 on" if column == "at" else "a whole number from 1 on"
    faults.append(Fault(f"line {line}", f"{column} must be {rule}; seen {value!r}"))
    return 0
