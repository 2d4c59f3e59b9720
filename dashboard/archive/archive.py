"""Outputs as a ZIP file: fetched some at a time, held against their sha256, then sent."""

import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from typing import IO, Protocol

import structlog
from sqlalchemy.exc import SQLAlchemyError

from dashboard.archive.zip_stream import ZipStream
from dashboard.reads.render_files.outputs import StoredOutput
from farm.client.files.file_names import FileNames, NamePattern
from farm.connections import Connections
from farm.errors import DatabaseBusy, FarmError, NotFound
from farm.storage import STREAM_BYTES, Storage

log = structlog.get_logger(__name__)

#: Of one archive: its list of files is kept until its end.
MOST_FILES = 20_000
#: What an archive says of files that it lacks.
REPORT = "NOT-COMPLETE.txt"
#: Outputs that are fetched side by side, and so much of each in memory; what is larger lies on the disk meanwhile.
_AT_ONCE, _IN_MEMORY = 4, 4 * 1024 * 1024


class OutputSource(Protocol):
    """Outputs in an order. A place is what a request names to have those behind it."""

    @property
    def query(self) -> str:
        """What a request calls the place."""
        ...

    def behind(self, place: str, limit: int) -> list[StoredOutput]:
        """The next ones."""
        ...

    def place_of(self, output: StoredOutput) -> str:
        """Where one is."""
        ...


def archive_of(
    connections: Connections, source: OutputSource, pattern: NamePattern, *, start: str, limit: int
) -> Iterator[bytes]:
    """The archive of at most `limit` outputs behind the place `start`, piece by piece.

    What fails before anything is sent raises: InvalidRequest for a pattern that a value does not fit, StorageDown,
    SQLAlchemyError. What fails later ends the archive, which says so inside, as it does of each file that is broken or
    gone.
    """
    archive, names = ZipStream(connections.clock()), FileNames(None, pattern)
    faults: list[str] = []
    seen, place, begun = 0, start, False
    try:
        while some := source.behind(place, min(_AT_ONCE, limit - seen)) if seen < limit else []:
            with ExitStack() as opened:
                files = [opened.enter_context(tempfile.SpooledTemporaryFile(_IN_MEMORY)) for _ in some]
                for output, file, fault in zip(some, files, _fetch(connections.storage, some, files), strict=True):
                    name = str(names.path(output.render, output.artifact))
                    if fault:
                        faults.append(f"{name}: {fault} (render {output.render.id})")
                        continue
                    begun = True
                    yield from archive.add(name, output.artifact.size, iter(partial(file.read, STREAM_BYTES), b""))
            seen, place = seen + len(some), source.place_of(some[-1])
        if seen == limit and source.behind(place, 1):
            faults.append(
                f"This archive holds {limit:,} outputs. There are more: ask for them with {source.query}={place}."
            )
    except (FarmError, SQLAlchemyError) as error:
        if not begun:
            raise
        told = error if isinstance(error, FarmError) else DatabaseBusy()
        log.warning("archive broken off", reason=str(told))
        faults.append(f"It broke off here: {told} Ask for the rest with {source.query}={place}.")
    if faults:
        said = "What this archive does not hold, and why:\n\n" + "\n".join(faults) + "\n"
        yield from archive.add(REPORT, len(said.encode()), [said.encode()])
    yield from archive.end()


def _fetch(storage: Storage, outputs: Sequence[StoredOutput], files: Sequence[IO[bytes]]) -> Iterator[str]:
    """Fill the files, side by side; for each what is wrong with it, '' where nothing is. Raises StorageDown."""
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="archive") as threads:
        yield from threads.map(partial(_fetch_one, storage), outputs, files)


def _fetch_one(storage: Storage, output: StoredOutput, file: IO[bytes]) -> str:
    """The whole of it, looked at before its first byte is sent: a ZIP file cannot take one back."""
    digest = hashlib.sha256()
    try:
        for piece in storage.pieces(output.key):
            digest.update(piece)
            file.write(piece)
    except NotFound:
        return "it is not in the storage any more"
    if digest.hexdigest() != output.artifact.sha256:
        return "what is stored is not what was rendered (its sha256 differs); render it again"
    file.seek(0)
    return ""
