"""Bodies that are files go to the disk piece by piece: whoever sends 400 MB takes no memory."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from werkzeug.exceptions import ClientDisconnected

from farm.errors import Busy

PIECE = 256 * 1024  # bytes


class Body(Protocol):
    """What pieces are read from."""

    def read(self, size: int, /) -> bytes: ...


def no_room() -> Busy:
    """What is said of a disk that takes nothing more."""
    return Busy("This farm's disk has no room for the upload at the moment; try again later.")


@contextmanager
def on_disk(body: Body, length: int | None = None) -> Iterator[Path]:
    """A file with these bytes, removed at the end of the block.

    Raises ClientDisconnected when fewer than `length` bytes came, Busy when the disk has no room for it.
    """
    try:
        folder = Path(tempfile.mkdtemp(prefix="latent-farm-upload-"))
    except OSError as error:
        raise no_room() from error
    try:
        file = folder / "upload"
        _write(body, file, length)
        yield file
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write(body: Body, file: Path, length: int | None) -> None:
    came = 0
    try:
        written = file.open("wb")
    except OSError as error:
        raise no_room() from error
    with written:
        while piece := body.read(PIECE):
            came += len(piece)
            try:
                written.write(piece)
                written.flush()
            except OSError as error:
                raise no_room() from error
            time.sleep(0)  # others have their turn between two pieces
    if length is not None and came < length:
        raise ClientDisconnected()
