"""`python -m farm.upload_inspection`: look at one uploaded file, in a process of :mod:`farm.confined_process`.

It answers with a JSON object: what the file is, or why it is refused. Nothing is imported that a picture or a header
does not need: every upload waits for this start.
"""

import hashlib
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any

from farm.adapters.file_header import read_adapter
from farm.clip_containers import ClipLimits
from farm.confined_process import Limits
from farm.errors import FarmError
from farm.pictures import clean_picture


def main(arguments: list[str]) -> None:
    """The limits (memory, processor time), 'adapter', 'picture' or 'clip', the file, and its bounds."""
    memory, seconds, kind, file, *bounds = arguments
    Limits(int(memory), int(seconds)).apply()
    try:
        answer = _KINDS[kind](Path(file), *map(int, bounds))
    except FarmError as refused:
        faults = [[fault.field, fault.message] for fault in refused.faults]
        answer = {"refused": type(refused).type, "detail": refused.detail, "faults": faults}
    except MemoryError:
        return  # no answer says that the limit was too small
    json.dump(answer, sys.stdout)


def _adapter(file: Path) -> dict[str, Any]:
    with file.open("rb") as opened, mmap(opened.fileno(), 0, access=ACCESS_READ) as mapped:
        facts = read_adapter(mapped)
    return {"sha256": _digest(file), "layers": asdict(facts)["parts"]}


def _picture(file: Path, most_bytes: int, most_pixels: int) -> dict[str, Any]:
    """The picture as it is stored takes the file's place."""
    found = clean_picture(file.read_bytes(), most_bytes=most_bytes, most_pixels=most_pixels)
    file.write_bytes(found.data)
    return {"sha256": _digest(file), "width": found.width, "height": found.height}


def _clip(file: Path, *bounds: int) -> dict[str, Any]:
    """The clip as it is stored takes the file's place."""
    from farm.clips import clean_clip  # no other upload waits for a video library

    stored = file.with_name(f"{file.name}.stored")
    try:
        found = clean_clip(file, stored, ClipLimits(*bounds))
        stored.replace(file)
    finally:
        stored.unlink(missing_ok=True)
    return {"sha256": _digest(file), **asdict(found)}


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


_KINDS: Mapping[str, Callable[..., dict[str, Any]]] = {"adapter": _adapter, "picture": _picture, "clip": _clip}

if __name__ == "__main__":
    main(sys.argv[1:])
