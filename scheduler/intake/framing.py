"""From bytes to records: lines of JSONL, and of CSV the lines that belong together. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from farm.errors import Fault, InvalidRequest

JSONL, CSV = "jsonl", "csv"
FORMATS = (JSONL, CSV)


@dataclass(frozen=True, slots=True)
class Record:
    """The bytes of one record with its line ends, and the line (from 1) on which it begins."""

    line: int
    lines: int  # how many lines it has; a quoted field of CSV may have line breaks
    raw: bytes

    @property
    def blank(self) -> bool:
        """Whether there is nothing on it."""
        return not self.raw.strip()


class Framer:
    """Cuts what is fed to it at the line ends; keeps the rest until more comes.

    `lines`: how many lines lie before. Raises InvalidRequest for a record of more than `max_bytes`: without that
    limit, one quotation mark too many would make a record of the whole file.
    """

    def __init__(self, form: str, lines: int, max_bytes: int) -> None:
        self._quoted = form == CSV
        self._before = lines
        self._max_bytes = max_bytes
        self._rest = b""  # of a line
        self._open: list[bytes] = []  # lines of a record that is not complete
        self._inside = False  # a quoted field

    def feed(self, data: bytes) -> Iterator[Record]:
        """The records that these bytes complete."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if record := self._take(line + b"\n"):
                yield record
        if len(self._rest) + sum(map(len, self._open)) > self._max_bytes:
            raise InvalidRequest([Fault(f"/lines/{self._before + 1}", self._too_long())])

    def finish(self) -> Iterator[Record]:
        """The last record, when the file does not end with a line end."""
        rest, self._rest = self._rest, b""
        if rest:
            self._inside = self._inside != (rest.count(b'"') % 2 == 1)
            self._open.append(rest)
        if self._open and self._inside and self._quoted:
            text = "a quoted field is not closed before the file ends; close it, or double the quotation marks in it"
            raise InvalidRequest([Fault(f"/lines/{self._before + 1}", text)])
        if self._open:
            yield self._close()

    def _take(self, line: bytes) -> Record | None:
        self._open.append(line)
        # Inside a quoted field a mark is doubled, so that an odd number opens or closes one.
        if self._quoted and line.count(b'"') % 2:
            self._inside = not self._inside
        if self._inside:
            return None
        return self._close()

    def _close(self) -> Record:
        record = Record(self._before + 1, len(self._open), b"".join(self._open))
        self._before += len(self._open)
        self._open, self._inside = [], False
        return record

    def _too_long(self) -> str:
        quote = "; is a quotation mark missing?" if self._quoted else ""
        return f"a row has at most {self._max_bytes:,} bytes{quote}"
