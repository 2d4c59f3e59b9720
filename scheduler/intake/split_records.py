"""From bytes to records: lines of JSONL, and the records of CSV with their cells. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from farm.csv_records import CsvDialect, CsvReader
from farm.errors import Fault, InvalidRequest

JSONL, CSV = "jsonl", "csv"
FORMATS = (JSONL, CSV)


@dataclass(frozen=True, slots=True)
class Record:
    """The bytes of one record with its line ends, and the line (from 1) on which it begins."""

    line: int
    lines: int  # how many lines it has; a quoted cell of CSV may have line ends
    raw: bytes
    blank: bool  # there is nothing on it
    cells: list[str] | None = None  # of CSV
    fault: str | None = None
    notice: str | None = None


class Framer:
    """Reads records, one by one, taking no more bytes than it needs.

    `lines`: how many lines lie before; `delimiter` of CSV: known from before, or None until its first line came.
    A record of more than `max_bytes` ends the reading: without that limit, one quotation mark too many would make a
    record of the whole file.
    """

    def __init__(
        self, form: str, lines: int, max_bytes: int, dialect: CsvDialect | None = None, delimiter: str | None = None
    ) -> None:
        self._form = form
        self._before = lines
        self._max_bytes = max_bytes
        self._dialect = dialect
        self.delimiter = delimiter
        self._open: list[bytes] = []  # lines of the record that is being read
        self._size = 0  # of these, in bytes

    def records(self, body: Iterable[bytes], *, more: bool = False) -> Iterator[Record]:
        """The records of a body. With `more` the source goes on after it: a record without its end is left out.

        Raises InvalidRequest for a record of more than `max_bytes`.
        """
        lines = self._lines(body, more)
        return self._tables(lines, more) if self._form == CSV else self._objects(lines)

    def _objects(self, lines: Iterator[bytes]) -> Iterator[Record]:
        for line in lines:
            yield self._close(blank=not line.strip())

    def _tables(self, lines: Iterator[bytes], more: bool) -> Iterator[Record]:
        # Bytes that are no UTF-8 are told with their record; half characters stand for them until then.
        reader = CsvReader((line.decode("utf-8", "surrogateescape") for line in lines), self._dialect, self.delimiter)
        for found in reader:
            self.delimiter = reader.delimiter
            if found.unfinished and more:
                return
            fault = found.fault or _encoding_fault(b"".join(self._open))
            yield self._close(found.blank and fault is None, found.cells, fault, found.notice)

    def _lines(self, body: Iterable[bytes], more: bool) -> Iterator[bytes]:
        """Lines end with \\n, \\r\\n or \\r, as `csv.reader` has it; a \\r at the end may be half of a \\r\\n."""
        rest = b""
        for data in body:
            lines = (rest + data).splitlines(keepends=True)
            rest = lines.pop() if lines and not lines[-1].endswith(b"\n") else b""
            for line in lines:
                yield self._take(line)
            self._check_length(len(rest))
        if rest and not more:
            yield self._take(rest)

    def _take(self, line: bytes) -> bytes:
        self._check_length(len(line))
        self._open.append(line)
        self._size += len(line)
        return line

    def _close(
        self, blank: bool, cells: list[str] | None = None, fault: str | None = None, notice: str | None = None
    ) -> Record:
        record = Record(self._before + 1, len(self._open), b"".join(self._open), blank, cells, fault, notice)
        self._before += len(self._open)
        self._open, self._size = [], 0
        return record

    def _check_length(self, coming: int) -> None:
        if self._size + coming > self._max_bytes:
            quote = "; is a quotation mark missing?" if self._form == CSV else ""
            text = f"a row has at most {self._max_bytes:,} bytes{quote}"
            raise InvalidRequest([Fault(f"/lines/{self._before + 1}", text)])


def _encoding_fault(raw: bytes) -> str | None:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        return f"is not UTF-8 text (byte {error.start:,} of the row); save it so: spreadsheets call it 'CSV UTF-8'"
    return None
