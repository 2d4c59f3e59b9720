"""CSV as people, spreadsheets and programs write it: records from lines, by the reader of the standard library.

All ways in (streams of rows, `rows` of a request, `--rows`) read with this, so that they agree on every cell with
each other and with `csv.reader`. It is strict where that reader is not: a quoted cell that is followed by text is read
as `csv.reader` reads it if it ends on its line, and told; if it runs over line ends, a row has most likely lost its
closing mark, and to read on would swallow the rows behind it: it is refused.
"""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from farm.byte_order_marks import without_marks
from farm.errors import Fault, InvalidRequest

#: What separates cells, if the request does not say: the one of these that makes the most of the first line.
#: Spreadsheets write semicolons where the comma is the decimal mark.
SEPARATORS = (",", ";", "\t", "|")


class CsvDialect(BaseModel):
    """How a table is written, by the names of Python's csv module; most files need none of it."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    delimiter: str | None = Field(
        None, min_length=1, max_length=1, description="between cells; none: as the first line shows: , ; tab or |"
    )
    quotechar: str | None = Field('"', min_length=1, max_length=1, description="around cells; null: there is none")
    escapechar: str | None = Field(None, min_length=1, max_length=1, description="takes the next character as text")
    doublequote: bool = Field(True, description="a quotation mark inside a quoted cell is doubled")
    skipinitialspace: bool = Field(False, description="blanks behind a delimiter are not part of the cell")

    def options(self, delimiter: str) -> dict[str, Any]:
        """The arguments of `csv.reader`."""
        return self.model_dump() | {
            "delimiter": delimiter,
            "quoting": csv.QUOTE_NONE if self.quotechar is None else csv.QUOTE_MINIMAL,
        }


@dataclass(frozen=True, slots=True)
class CsvRecord:
    """The cells of a record that has so many lines; or what is wrong with it, or to be said of it."""

    cells: list[str]
    lines: int
    fault: str | None = None
    notice: str | None = None
    unfinished: bool = False  # the lines ended within it

    @property
    def blank(self) -> bool:
        """Whether no cell says anything: spreadsheets keep empty rows."""
        return self.fault is None and not any(cell.strip() for cell in self.cells)


class CsvReader:
    """The records of lines (with their ends). `delimiter`: known from before, or None until the first line came."""

    def __init__(self, lines: Iterable[str], dialect: CsvDialect | None = None, delimiter: str | None = None) -> None:
        self._dialect = dialect or CsvDialect()
        self.delimiter = delimiter or self._dialect.delimiter
        self._lines = iter(lines)
        self._taken: list[str] = []  # of the record that is being read
        self._ended = False

    def __iter__(self) -> Iterator[CsvRecord]:
        """One record after the other; it takes no line before it needs it."""
        feed = self._feed()
        while self.delimiter is None:
            if (line := next(feed, None)) is None:
                return
            self.delimiter = self._named(line)
            if self.delimiter is None and line.strip():
                self.delimiter = self._separator(line)
                feed = chain([line], feed)
            else:
                yield self._finished(CsvRecord([], 1))
        reader = csv.reader(feed, strict=True, **self._dialect.options(self.delimiter))
        while True:
            try:
                record = CsvRecord(next(reader), len(self._taken))
            except StopIteration:
                if self._taken:
                    yield self._finished(self._not_closed())
                return
            except csv.Error as error:
                record = self._not_closed() if self._ended else self._read_loosely(error)
            yield self._finished(record)

    def _feed(self) -> Iterator[str]:
        for line in self._lines:
            text = without_marks(line)
            self._taken.append(text)
            yield text
        self._ended = True

    def _finished(self, record: CsvRecord) -> CsvRecord:
        self._taken = []
        return record

    def _named(self, line: str) -> str | None:
        """The separator of a line such as 'sep=;', which spreadsheets read and write before the header."""
        text = line.rstrip("\r\n").strip('"')
        return text[4] if len(text) == 5 and text.lower().startswith("sep=") else None

    def _separator(self, header: str) -> str:
        def cells(separator: str) -> int:
            try:
                return len(next(csv.reader([header], **self._dialect.options(separator))))
            except csv.Error:
                return 0

        return max(SEPARATORS, key=cells)

    def _read_loosely(self, error: csv.Error) -> CsvRecord:
        """A record that breaks the rules, if it does so within its line."""
        lines = len(self._taken)
        if "field limit" in str(error):
            told = f"a cell has more than {csv.field_size_limit():,} characters; is a quotation mark missing?"
            return CsvRecord([], lines, fault=told)
        assert self.delimiter is not None
        loose = csv.reader([self._taken[0], ""], **self._dialect.options(self.delimiter))
        cells = next(loose)
        if lines == 1 and loose.line_num == 1:  # otherwise it asked for another line
            return CsvRecord(
                cells,
                lines,
                notice="text follows the closing quotation mark of a cell, so its marks were read as quoting and are "
                'not in the text; to keep them, double them and quote the whole cell: """big"" dog"',
            )
        return CsvRecord(
            [],
            lines,
            fault="a quoted cell runs over a line end and its closing quotation mark is followed by text; close it on "
            'its line, or double the marks inside it: "a ""big"" dog"',
        )

    def _not_closed(self) -> CsvRecord:
        told = "a quoted cell is not closed before the file ends; close it, or double the quotation marks in it"
        return CsvRecord([], len(self._taken), fault=told, unfinished=True)


def column_names(cells: Sequence[str]) -> list[str]:
    """The names of a header; '' for a column without one, but for those at its end. Raises InvalidRequest."""
    names = [cell.strip() for cell in cells]
    while names and not names[-1]:
        names.pop()
    given = [name for name in names if name]
    if not given or len(set(given)) < len(given):
        raise InvalidRequest([Fault("", "the first line must name each column once")])
    return names


def by_name(cells: Sequence[str], names: Sequence[str]) -> dict[str, str]:
    """The cells under the names of their columns. Raises InvalidRequest.

    Columns without a name must be empty, as spreadsheets leave them; but the first may number the rows, as pandas does.
    """
    used = len(cells)
    while used > len(names) and not cells[used - 1].strip():
        used -= 1
    if used != len(names):
        more = "; quote a cell that holds the separator, or name its column" if used > len(names) else ""
        raise InvalidRequest([Fault("", f"has {_count(used, 'cell')} for {_count(len(names), 'column')}{more}")])
    for place, (name, cell) in enumerate(zip(names, cells, strict=False)):
        if not name and cell.strip() and not (place == 0 and cell.strip().isdecimal()):
            told = f"has text in column {place + 1}, which has no name: {cell[:40]!r}; name the column or empty it"
            raise InvalidRequest([Fault("", told)])
    return {name: cell for name, cell in zip(names, cells, strict=False) if name}


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
