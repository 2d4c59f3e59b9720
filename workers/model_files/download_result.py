"""What fetching hands on: a folder, and what each file in it should be."""

from dataclasses import dataclass
from pathlib import Path


class FetchFailed(RuntimeError):
    """The files could not be had; the message says from where, why, and what to do."""


@dataclass(frozen=True)
class ModelFile:
    """A file as its source describes it; None where the source says nothing.

    `digest` is the sha256 of the bytes in hex, or git's sha1 of a blob: the Hub has no other for small files.
    """

    path: str  # inside the model's folder, with '/'
    size: int | None = None
    digest: str | None = None


@dataclass(frozen=True)
class Fetched:
    """The files of a model on this machine: those that loading reads, whole or not."""

    folder: Path
    files: list[ModelFile]
    weights: list[str]  # paths of those files that hold weights
    source: str = ""  # who says what the files should be: 'the Hub', 'the bucket'; '': nobody
    revision: str | None = None  # the commit, whatever branch or tag the catalog names

    @property
    def size(self) -> int:
        """Bytes of the files that are here."""
        places = [self.folder / file.path for file in self.files]
        return sum(place.stat().st_size for place in places if place.exists())
