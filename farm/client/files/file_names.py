"""What downloaded files are called: by the client, or by a pattern of the user's."""

from __future__ import annotations

import hashlib
import mimetypes
import re
from collections import defaultdict
from collections.abc import Mapping
from itertools import count
from pathlib import Path, PurePosixPath
from string import Formatter
from typing import Any

from farm.client.replies import Artifact, Render
from farm.errors import Fault, InvalidRequest

#: What files are called unless somebody says otherwise: the render's place in its job, and the end of its id.
DEFAULT_PATTERN = "{index:05d}-{id}"
#: The same of several jobs, whose places say nothing.
GALLERY_PATTERN = "{prompt}-{seed}-{id}"
_SUFFIXES = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/webp": "webp",
    "image/avif": "avif",
    "image/gif": "gif",
    "video/mp4": "mp4",
    "application/json": "json",
    "application/x-safetensors": "safetensors",
}
#: What a pattern may hold.
FIELDS = ("job", "index", "id", "render", "kind", "ext", "seed", "prompt", "width", "height", "steps")
#: File systems take 255 bytes for a name, suffixes included.
_NAME_BYTES, _PROMPT_BYTES = 200, 100
#: All but letters and digits of every script, and what no file system and no shell takes amiss.
_UNSAFE = re.compile(r"[^\w.,+=@()\[\]-]+")
#: Names that Windows keeps for devices, whatever their suffix.
_DEVICES = re.compile(r"(con|prn|aux|nul|(com|lpt)[\d¹²³])(\.|$)", re.IGNORECASE)
#: How a value may be formatted: '04d' and the like, nothing that takes other values or the whole memory.
_FORMAT = re.compile(r"[<>^+0-9a-z.-]{0,4}")


class NamePattern:
    """A pattern such as '{job}/{index:04d}-{seed}.{ext}': where each file lies in the folder it is downloaded to.

    Values are made safe, so that none of them leads out of the folder; a '/' of the pattern itself makes a folder in
    it. Without '{ext}' the suffix is added; a file that is no output gets its kind before the suffix, unless '{kind}'
    says it. Raises InvalidRequest for a pattern that is none, or that leads out of the folder.
    """

    def __init__(self, pattern: str = DEFAULT_PATTERN) -> None:
        self._pattern = pattern
        try:
            parsed = [(name, form or "") for _, name, form, _ in Formatter().parse(pattern) if name is not None]
        except ValueError as error:
            raise _wrong(pattern, str(error)) from error
        self._fields = {name for name, _ in parsed}
        for name, form in parsed:
            if name not in FIELDS:
                raise _wrong(pattern, f"{{{name}}} is not known; there are {', '.join(FIELDS)}")
            if not _FORMAT.fullmatch(form):
                raise _wrong(pattern, f"{form!r} is no format for {{{name}}}; write {{index:04d}} and the like")
        path = PurePosixPath(pattern)
        if path.is_absolute() or ".." in path.parts or "\\" in pattern or not path.name or pattern.endswith("/"):
            raise _wrong(pattern, "it must name a file inside the folder")

    @property
    def names_the_render(self) -> bool:
        """Whether no other render has files of these names."""
        return bool(self._fields & {"id", "render"})

    def place(self, render: Render, artifact: Artifact) -> PurePosixPath:
        """Where the file lies, relative to the folder. Raises InvalidRequest where a value has no such form."""
        suffix = _suffix(artifact)
        values = _values(render, artifact, suffix)
        parts = [self._part(part, values) for part in self._pattern.split("/")]
        if artifact.kind != "output" and "kind" not in self._fields:
            parts[-1] = f"{parts[-1].removesuffix(f'.{suffix}')}.{values['kind']}.{suffix}"
        elif "ext" not in self._fields:
            parts[-1] += f".{suffix}"
        return PurePosixPath(*parts)

    def _part(self, part: str, values: Mapping[str, Any]) -> str:
        try:
            name = part.format_map(values)
        except (ValueError, TypeError, AttributeError, LookupError, OverflowError) as error:
            raise _wrong(self._pattern, str(error)) from error
        return safe_name(name)


class FileNames:
    """The paths of the files of one download: no two files get one path, and what lies there of others stays.

    A second download gives each file that is there and right the path that it has. `folder`: None for an archive, in
    which nothing lies yet.
    """

    def __init__(self, folder: Path | None, pattern: NamePattern) -> None:
        self._folder = folder or Path()
        self._is_new = folder is None
        self._pattern = pattern
        self._given: set[str] = set()
        self._first: defaultdict[PurePosixPath, int] = defaultdict(lambda: 1)  # all numbers before it are given

    def path(self, render: Render, artifact: Artifact) -> Path:
        """'a.png'; where that is another file's, 'a-2.png', 'a-3.png' …"""
        place = self._pattern.place(render, artifact)
        first = self._first[place]
        for number in count(first):
            path = self._folder / (place if number == 1 else place.with_name(f"{place.stem}-{number}{place.suffix}"))
            name = str(path).casefold()  # some file systems do not tell A from a
            if name not in self._given and self._is_free(path, artifact):
                self._given.add(name)
                if number == first:
                    self._first[place] += 1
                return path
        raise AssertionError  # the numbers have no end

    def _is_free(self, path: Path, artifact: Artifact) -> bool:
        """A wrong file under the name of this very render is fetched anew; under any other name it may be anybody's."""
        return self._is_new or self._pattern.names_the_render or not path.exists() or is_whole(path, artifact)


def is_whole(path: Path, artifact: Artifact) -> bool:
    """Whether the file is there, with the bytes that the farm stored."""
    try:
        if path.stat().st_size != artifact.size:
            return False
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == artifact.sha256
    except FileNotFoundError:
        return False


def file_name(render: Render, artifact: Artifact) -> str:
    """'00003-1a2b3c4d.png', or of other kinds than outputs '00003-1a2b3c4d.manifest.json'."""
    return str(NamePattern().place(render, artifact))


def safe_name(text: str, most: int = _NAME_BYTES) -> str:
    """The text as one part of a path that means the same on every system and leads nowhere else."""
    name = _UNSAFE.sub("_", text).strip(" .").encode()[:most].decode(errors="ignore").rstrip(" .")
    return f"_{name}" if not name or _DEVICES.match(name) else name


def _values(render: Render, artifact: Artifact, suffix: str) -> dict[str, int | str]:
    """What stands for each field: whole numbers, to be formatted, and safe texts."""
    asked = render.parameters
    known = {
        "job": render.job_id,
        "index": max(0, render.index),
        "id": re.sub(r"[^0-9A-Za-z]", "", render.id)[-8:],
        "render": render.id,
        "kind": re.sub(r"[^a-z0-9_]", "", artifact.kind.lower()),
        "ext": suffix,
        "seed": asked.get("seed"),
        "prompt": safe_name(str(asked.get("prompt", "")), _PROMPT_BYTES),
        "width": asked.get("width"),
        "height": asked.get("height"),
        "steps": asked.get("num_inference_steps"),
    }
    return {name: value if isinstance(value, int) else safe_name(str(value)) for name, value in known.items()}


def _suffix(artifact: Artifact) -> str:
    content_type = artifact.content_type.partition(";")[0].strip().lower()
    return _SUFFIXES.get(content_type) or (mimetypes.guess_extension(content_type) or ".bin").lstrip(".")


def _wrong(pattern: str, why: str) -> InvalidRequest:
    return InvalidRequest([Fault("name", f"{pattern[:80]!r} is no pattern for names: {why}")])
