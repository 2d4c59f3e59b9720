"""The file of a backup: a ZIP that its owner alone may read, with a SHA-256 for everything that is in it."""

import errno
import hashlib
import os
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Self

from pydantic import ValidationError

from farm.backup.manifest import (
    FORMAT,
    FORMAT_VERSION,
    MANIFEST,
    OBJECT_LIST,
    BackupManifest,
    Member,
    StoredObjectLine,
)
from farm.errors import UnusableFile, in_words

_PIECE = 1024 * 1024


class HashedWriter:
    """Writes a member, and knows what it has written."""

    def __init__(self, target: IO[bytes]) -> None:
        self._target, self._sha256, self._bytes = target, hashlib.sha256(), 0
        self.rows: int | None = None

    def write(self, data: bytes) -> None:
        """Write all of it."""
        self._target.write(data)
        self._sha256.update(data)
        self._bytes += len(data)

    @property
    def member(self) -> Member:
        """What was written so far."""
        return Member(bytes=self._bytes, sha256=self._sha256.hexdigest(), rows=self.rows)


class BackupWriter:
    """Makes the file of a backup. It has its name only when it is whole; before that nothing is at its place."""

    def __init__(self, path: Path) -> None:
        """Raises FileExistsError: no backup is ever written over another. Other OSErrors name the file."""
        self._path, self._half = path, path.with_name(f"{path.name}.half")
        if path.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
        self._half.unlink(missing_ok=True)  # of one that was broken off
        self._file = os.fdopen(os.open(self._half, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600), "w+b")
        self._zip = zipfile.ZipFile(self._file, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False)
        self.members: dict[str, Member] = {}

    @contextmanager
    def member(self, name: str) -> Iterator[HashedWriter]:
        """Write a member of the backup, listed in the manifest."""
        with self._zip.open(name, "w", force_zip64=True) as target:
            writer = HashedWriter(target)
            yield writer
        self.members[name] = writer.member

    def copy(self, name: str, source: IO[bytes]) -> None:
        """Write a copied object; pictures and clips are packed already, so they are stored as they are."""
        info = zipfile.ZipInfo(name)
        with self._zip.open(info, "w", force_zip64=True) as target:
            while piece := source.read(_PIECE):
                target.write(piece)

    def finish(self, manifest: BackupManifest) -> None:
        """Write the manifest last, see that all of it is on the disk, and give the file its name."""
        self._zip.writestr(MANIFEST, manifest.model_dump_json(indent=2) + "\n")
        self._zip.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._half.rename(self._path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing of a backup that was not finished stays."""
        with suppress(OSError, ValueError):  # on a full disk its end cannot be written either
            self._zip.close()
        with suppress(OSError):
            self._file.close()
        self._half.unlink(missing_ok=True)


class BackupReader:
    """Reads the file of a backup. Nothing in it is believed before `verify` has read all of it."""

    def __init__(self, path: Path) -> None:
        """Raises UnusableFile when it is no backup, is damaged, or was made by a farm with a newer form of them."""
        self._path = path
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, NotImplementedError) as error:
            raise UnusableFile(f"{path} is no backup of a farm, or is damaged: {error}.") from error
        with self._damage(MANIFEST):
            text = self._zip.read(MANIFEST)
        try:
            self.manifest = BackupManifest.model_validate_json(text)
        except ValidationError as error:
            raise self._damaged(f"in its {MANIFEST} {_first_fault(error)}") from error
        if self.manifest.format != FORMAT:
            raise UnusableFile(f"{path} is no backup of a farm.")
        if self.manifest.format_version > FORMAT_VERSION:
            raise UnusableFile(f"{path} was made by a newer farm ({self.manifest.farm_version}); install that one.")

    @property
    def names(self) -> frozenset[str]:
        """What is in the file."""
        return frozenset(self._zip.namelist())

    def verify(self) -> None:
        """Read everything that the manifest lists. Raises UnusableFile with what is damaged."""
        for name, told in self.manifest.members.items():
            if self._measure(name) != (told.bytes, told.sha256):
                raise self._damaged(f"{name} is not as it was written")

    def verify_copy(self, name: str, size: int, sha256: str) -> None:
        """Read a copied object. Raises UnusableFile when it is damaged."""
        if self._measure(name) != (size, sha256):
            raise self._damaged(f"{name} is not as it was written")

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """A member, to be read. Raises UnusableFile when it is not there or is damaged."""
        with self._damage(name), self._zip.open(name) as source:
            yield source

    def lines(self, name: str) -> Iterator[bytes]:
        """The lines of a member. Raises UnusableFile."""
        with self.open(name) as source:
            yield from source

    def objects(self) -> Iterator[StoredObjectLine]:
        """The list of all objects. Raises UnusableFile when it has a line that is none of it."""
        for number, line in enumerate(self.lines(OBJECT_LIST), start=1):
            try:
                yield StoredObjectLine.model_validate_json(line)
            except ValidationError as error:
                raise self._damaged(f"in line {number} of {OBJECT_LIST} {_first_fault(error)}") from error

    def _measure(self, name: str) -> tuple[int, str]:
        size, sha256 = 0, hashlib.sha256()
        with self.open(name) as source:
            while piece := source.read(_PIECE):
                size += len(piece)
                sha256.update(piece)
        return size, sha256.hexdigest()

    @contextmanager
    def _damage(self, name: str) -> Iterator[None]:
        try:
            yield
        except KeyError as error:
            raise self._damaged(f"{name} is not in it") from error
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
            raise self._damaged(f"{name} cannot be read ({error})") from error
        except OSError as error:
            if error.errno is not None:
                raise
            raise self._damaged(f"{name} cannot be read ({error})") from error

    def _damaged(self, how: str) -> UnusableFile:
        return UnusableFile(f"The backup {self._path} is damaged: {how}. Nothing was restored; take another one.")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()


def _first_fault(error: ValidationError) -> str:
    """What is wrong first, and where; without the value, which may be a secret."""
    fault = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(map(str, fault["loc"]))
    told = in_words(fault["msg"])
    return f"{place!r} is wrong ({told})" if place else f"nothing can be read ({told})"
