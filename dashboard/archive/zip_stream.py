"""A ZIP file that is sent while it is made: nothing of it is kept but the list of its files, which comes at its end.

Python's own zipfile writes it: to something that cannot go back it puts sizes and check sums behind each file, and it
takes ZIP64 by itself where files or offsets are beyond 4 GiB, or files more than 65,535.
"""

import zipfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime


class ZipStream:
    """Give it files one by one and send on what it yields; what `end` yields makes it whole."""

    def __init__(self, at: float) -> None:
        """`at`: when the files were made, for those who list them; in seconds since 1970."""
        self._sent = _Outbox()
        self._zip = zipfile.ZipFile(self._sent, "w", zipfile.ZIP_STORED, allowZip64=True)
        self._at = datetime.fromtimestamp(at, UTC).timetuple()[:6]

    def add(self, name: str, size: int, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """A file of `size` bytes; pictures and clips are compressed already, so it is stored as it is."""
        about = zipfile.ZipInfo(name, self._at)
        about.external_attr = 0o644 << 16
        about.file_size = size
        with self._zip.open(about, "w") as file:
            for piece in pieces:
                file.write(piece)
                yield self._sent.take()
        yield self._sent.take()

    def end(self) -> Iterator[bytes]:
        """The list of its files."""
        self._zip.close()
        yield self._sent.take()


class _Outbox:
    """What was written and not taken yet. It cannot go back, and zipfile sees that."""

    def __init__(self) -> None:
        self._written = bytearray()

    def write(self, data: bytes, /) -> int:
        self._written += data
        return len(data)

    def flush(self) -> None:
        """Nothing waits for it."""

    def close(self) -> None:
        """What was written can still be taken."""

    def take(self) -> bytes:
        taken = bytes(self._written)
        self._written.clear()
        return taken
