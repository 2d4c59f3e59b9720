"""Are the files what they should be: what the Hub or the bucket said, and what the catalog's lock says?"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from farm.catalog.source import LockedFile
from workers.model_files.download_result import Fetched, ModelFile
from workers.model_files.weights import hash_files

_SHA256_LENGTH = 64


@dataclass(frozen=True)
class Checked:
    """The sha256 of every file that is here, by its path; what is wrong, a sentence for each file."""

    sha256: dict[str, str]
    wrong: dict[str, str]  # by path

    @property
    def reason(self) -> str:
        """All that is wrong, in one text."""
        return "; ".join(self.wrong.values())


def check(fetched: Fetched, lock: Sequence[LockedFile] = ()) -> Checked:
    """Read every file once and compare it. Files that nobody says anything about are only hashed."""
    places = {file.path: fetched.folder / file.path for file in fetched.files}
    here = {path: place for path, place in places.items() if place.is_file()}
    sha256 = hash_files(fetched.folder, here.values())
    wrong: dict[str, str] = {}
    for file in fetched.files:
        fault = _fault(file, places[file.path], sha256.get(file.path), fetched.source)
        if fault:
            wrong[file.path] = f"{places[file.path]} {fault}"
    if lock:
        wrong |= against(fetched, lock, sha256, "the catalog's lock")
    return Checked(sha256, wrong)


def _fault(file: ModelFile, place: Path, sha256: str | None, source: str) -> str | None:
    """What is wrong with one file, or None."""
    if sha256 is None:
        return "is missing"
    size = place.stat().st_size
    if file.size is not None and size != file.size:
        state = "truncated" if size < file.size else "changed"
        return f"is {state}: it holds {size} bytes where {source} says {file.size}"
    if file.digest is None:
        return None
    digest = sha256 if len(file.digest) == _SHA256_LENGTH else _git_blob(place)
    if digest != file.digest:
        return f"is changed: its hash is {digest} where {source} says {file.digest}"
    return None


def against(fetched: Fetched, lock: Sequence[LockedFile], sha256: Mapping[str, str], source: str) -> dict[str, str]:
    """What is not as a list of files says, which is all that there may be; by path, a sentence for each."""
    locked = {file.path: file for file in lock}
    wrong = {
        file.path: f"{fetched.folder / file.path} is not in {source}"
        for file in fetched.files
        if file.path not in locked
    }
    for path, file in locked.items():
        said = ModelFile(path, file.size, file.sha256)
        found = sha256.get(path)
        fault = _fault(said, fetched.folder / path, found, source)
        if fault:
            wrong[path] = f"{fetched.folder / path} {fault}"
    return wrong


def _git_blob(place: Path) -> str:
    """git's name for the bytes: the sha1 that the Hub gives for files that are not in LFS."""
    content = place.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
