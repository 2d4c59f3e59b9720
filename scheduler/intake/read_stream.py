"""Take in a stream: skip what is there already, read row by row, admit chunk by chunk, and seal it at its end.

Memory holds one chunk, whatever the length of the stream. Whatever stops it (a fault, a quota, a client that hangs
up, a crash), all chunks before stay, and it goes on at `Position.bytes`.
"""

import time
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from sqlalchemy import update

from farm.connections import Connections
from farm.cpu_work import QUICK_BYTES
from farm.csv_records import CsvDialect
from farm.database import read, write
from farm.errors import MAX_FAULTS, Conflict, Fault, IdempotencyMismatch, InvalidRequest
from farm.params import RenderParameters
from farm.quota_errors import BudgetSpent, QuotaExceeded
from farm.stream_errors import StreamFault
from farm.tables import Intake
from scheduler.admission.bulk_insert import CHUNK
from scheduler.admission.validation_offload import check_row
from scheduler.estimates.estimator import load
from scheduler.intake.append_chunk import add_chunk, targets_of_lane
from scheduler.intake.open_stream import Position
from scheduler.intake.records import check_columns, read_cells, read_columns, read_json, with_defaults
from scheduler.intake.seal_stream import discard, seal
from scheduler.intake.seeds import seeds_for
from scheduler.intake.split_records import CSV, Framer, Record
from scheduler.uploads import finder

__all__ = ["StreamFault", "Taken", "take_in"]

#: A chunk that does not fill is admitted after so many seconds: a slow source must not keep workers waiting.
LINGER_SECONDS = 1.0
MOST_NOTICES = 20


@dataclass(frozen=True)
class Taken:
    """Where the stream is now, and what its rows had the farm say (each thing once, not more than MOST_NOTICES)."""

    position: Position
    notices: list[str]


def take_in(
    connections: Connections,
    position: Position,
    body: Iterable[bytes],
    *,
    offset: int = 0,
    crc32: int | None = None,
    more: bool = False,
    most_rows: int | None = None,
    new: bool = False,
) -> Taken:
    """Go on with a stream. `body` begins at byte `offset` of the source; `crc32`: of the bytes before it, if known.

    With `more` the source goes on after this body: a last record without its end is left for the next one, and the
    stream is not sealed. `most_rows`: stop after so many, as with `more`. A stream that a client sends and of which
    nothing was admitted when it is refused leaves no job behind; for a wrong place only if it is `new`, made for this
    body: who sends parts side by side has the first one on its way.

    Raises:
        StreamFault: a row is refused; all before it are admitted.
        IdempotencyMismatch: the source is not the one whose beginning was admitted.
        Conflict: the body leaves a gap, another request is sending this stream.
        StreamEnded: its job was ended before its last row.
        QuotaExceeded, BudgetSpent: the project has as much as it may.
    """
    try:
        _check_place(position, offset, crc32)
    except (Conflict, IdempotencyMismatch):
        if new:
            discard(connections, position)
        raise
    rest = _skip(body, position, offset, more=more)
    if position.sealed_at is not None:
        goes_on = any(data.strip() for data in rest)
        position.check_goes_on()
        if goes_on:
            raise _another(position)
        return Taken(position, [])
    stream = _Stream(connections, position)
    try:
        more = stream.read(rest, more, most_rows)
        found = stream.position
        if not more:
            if not found.rows:
                raise StreamFault([Fault("/lines/1", "there is no row; send at least one")], found.job_id)
            found = seal(connections, found)
    except (InvalidRequest, QuotaExceeded, BudgetSpent) as refused:
        if position.source is None and discard(connections, stream.position) and isinstance(refused, StreamFault):
            raise StreamFault(refused.faults) from refused
        raise
    return Taken(found, stream.notices)


def _check_place(position: Position, offset: int, crc32: int | None) -> None:
    """Whether a body that begins there goes on with the stream, or repeats a part of it. Raises as :func:`take_in`."""
    if offset > position.bytes:
        raise Conflict(f"Bytes {position.bytes:,} to {offset:,} are missing; go on at byte {position.bytes}.")
    if crc32 is not None and offset == position.bytes and crc32 != position.crc32:
        raise _another(position)


@dataclass
class _Stream:
    """The rows that were read and are not admitted yet."""

    connections: Connections
    position: Position  # committed
    notices: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    renders: list[RenderParameters] = field(default_factory=list)

    def __post_init__(self) -> None:
        here, settings = self.position, self.connections.settings
        self.row, self.bytes, self.lines, self.crc32 = here.rows, here.bytes, here.lines, here.crc32
        self.columns = here.columns
        dialect = CsvDialect.model_validate(here.defaults.get("csv_dialect") or {})
        self.framer = Framer(here.form, here.lines, settings.max_body_bytes, dialect, here.delimiter)
        self.entry = self.connections.catalog.model(here.model)
        self.most = settings.max_renders_per_stream
        self.targets = targets_of_lane(self.connections, self.entry.lane)
        with read(self.connections.engine) as connection:
            self.estimator = load(connection, self.entry)
        self.find_input = finder(self.connections, here.project_id)
        self.since: float | None = None  # when the oldest row that is not admitted yet came
        self.looked = 0  # rows that were looked at after the first fault

    def read(self, body: Iterable[bytes], more: bool, most_rows: int | None) -> bool:
        """Take the records of a body; whether the source goes on after those that were taken."""
        begun = self.row
        try:
            for record in self.framer.records(body, more=more):
                self.take(record)
                time.sleep(0)  # beside an event loop others have their turn
                if most_rows is not None and self.row - begun >= most_rows:
                    more = True
                    break
        except StreamFault:
            raise
        except InvalidRequest as refused:  # a record is too long to be read
            self.faults += refused.faults
        self.finish()
        return more

    def take(self, record: Record) -> None:
        """One record. After a fault the next ones are only looked at, so that many faults are told at once."""
        made: Sequence[RenderParameters] = []
        if record.notice is not None:
            self._add_notice(f"/lines/{record.line}: {record.notice}")
        if not record.blank:
            try:
                made = self._read(record)
            except InvalidRequest as refused:
                self.faults += [Fault(f"/lines/{record.line}{fault.field}", fault.message) for fault in refused.faults]
        if self.faults:
            self.looked += 1
            headless = self.position.form == CSV and self.columns is None
            if headless or self.looked >= CHUNK or len(self.faults) >= MAX_FAULTS:
                self.finish()
            return
        if len(self.renders) + len(made) > CHUNK:
            self._flush()
        self.renders += made
        self.row += bool(made)
        self.bytes += len(record.raw)
        self.lines += record.lines
        self.crc32 = zlib.crc32(record.raw, self.crc32)
        now = self.connections.clock()
        self.since = now if self.since is None else self.since
        if len(self.renders) >= CHUNK or now - self.since >= LINGER_SECONDS:
            self._flush()

    def finish(self) -> None:
        """Admit what is left. Raises StreamFault if there was a fault."""
        self._flush()
        if not self.faults:
            return
        told = [{"pointer": fault.field, "detail": fault.message} for fault in self.faults[:MAX_FAULTS]]
        error = {"faults": told, "line": self.lines + 1, "byte": self.bytes}
        with write(self.connections.engine) as connection:
            connection.execute(update(Intake).where(Intake.job_id == self.position.job_id).values(error=error))
        raise StreamFault(self.faults, self.position.job_id, self.row, self.lines + 1, self.bytes)

    def _read(self, record: Record) -> Sequence[RenderParameters]:
        here = self.position
        if record.fault is not None:
            raise InvalidRequest([Fault("", record.fault)])
        if record.cells is None:
            most_bytes = self.connections.settings.max_body_bytes
            parse = partial(read_json, record.raw, most_bytes)
            row = parse() if len(record.raw) <= QUICK_BYTES else self.connections.cpu_work(parse)
        elif self.columns is None:
            columns = read_columns(record.cells)
            check_columns(columns, here.defaults)
            self.columns = columns
            return []
        else:
            row = read_cells(record.cells, self.columns)
        index = here.renders + len(self.renders)
        _, resolved = check_row(
            self.connections,
            with_defaults(here.defaults, row),
            max_renders=CHUNK,
            draw_seed=seeds_for(here.job_id, index),
            now=here.created_at,
            find_input=self.find_input,
        )
        if index + len(resolved.renders) > self.most:
            raise InvalidRequest(
                [Fault("", f"a job has at most {self.most:,} renders; begin another job with this row")]
            )
        for notice in resolved.notices:
            self._add_notice(notice)
        return resolved.renders

    def _add_notice(self, notice: str) -> None:
        if notice not in self.notices and len(self.notices) < MOST_NOTICES:
            self.notices.append(notice)

    def _flush(self) -> None:
        after = replace(
            self.position,
            rows=self.row,
            bytes=self.bytes,
            lines=self.lines,
            crc32=self.crc32,
            columns=self.columns,
            delimiter=self.framer.delimiter,
        )
        if after.bytes == self.position.bytes:
            return
        renders, self.renders, self.since = self.renders, [], None
        self.position = add_chunk(
            self.connections, self.position, after, self.entry, renders, self.estimator, self.targets
        )


def _skip(body: Iterable[bytes], position: Position, offset: int, *, more: bool) -> Iterator[bytes]:
    """The body without what is admitted already, which must be the same as it was."""
    left, crc = position.bytes - offset, 0
    for data in body:
        if left <= 0:
            yield data
            continue
        crc = zlib.crc32(data[:left], crc)
        rest, left = data[left:], left - len(data)
        if left <= 0:
            if offset == 0 and crc != position.crc32:
                raise _another(position)
            if rest:
                yield rest
    if left > 0 and not more:
        raise _another(position)


def _another(position: Position) -> IdempotencyMismatch:
    return IdempotencyMismatch(
        f"The first {position.bytes:,} bytes ({position.rows:,} rows) that this Idempotency-Key has admitted to job "
        f"{position.job_id} are other ones than these. A corrected file may differ only after them; send a new key for "
        "a new job."
    )
