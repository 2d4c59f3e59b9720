"""The files that a render was made with beside its model, as somebody has them who makes it again: pictures, LoRAs."""

import hashlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from farm.errors import FarmError, Fault, InvalidRequest
from farm.manifest import Manifest
from farm.params.request.base import PICTURES
from farm.pictures import clean_picture
from farm.settings import Settings


@contextmanager
def given_files(manifest: Manifest, paths: Sequence[Path], settings: Settings) -> Iterator[dict[str, str]]:
    """The manifest's files among those that were given, as an order names them; each is known by its sha256.

    A picture counts as it was uploaded or as the farm stored it. Raises InvalidRequest with every fault.
    """
    wanted, names = _wanted(manifest)
    faults, found = list[Fault](), dict[str, str]()
    with tempfile.TemporaryDirectory(prefix="latent-farm-") as folder:
        for place, path in enumerate(paths):
            if not path.is_file():
                faults.append(Fault("--input", f"there is no file {path}"))
                continue
            data = path.read_bytes()
            key = wanted.get(_digest(data))
            if key is None and (data := _as_stored(data, settings)):
                key = wanted.get(_digest(data))
            if key is None:
                faults.append(Fault("--input", f"{path} is none of the files that the render was made with (sha256)"))
            else:
                copy = Path(folder) / f"{place}{path.suffix}"  # what reads it goes by the suffix
                copy.write_bytes(data)
                found[key] = str(copy)
        faults += [
            Fault("--input", f"the render was made with {name}; give its file")
            for key, name in names.items()
            if key not in found
        ]
        if faults:
            raise InvalidRequest(faults)
        yield found


def _wanted(manifest: Manifest) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """From sha256 to what an order calls the file, and from that to what people call it."""
    by_hash, names = dict[str, str](), dict[str, str]()
    for name in PICTURES:
        if picture := manifest.parameters.get(name):
            by_hash[picture["sha256"]] = name
            names[name] = f"a picture ({name})"
    for adapter in manifest.parameters.get("loras") or []:
        key = f"loras/{adapter['sha256']}"
        by_hash[adapter["sha256"]] = key
        names[key] = f"the LoRA {adapter['name']!r}"
    return by_hash, names


def _as_stored(data: bytes, settings: Settings) -> bytes:
    """A picture as the farm stores what is uploaded; empty for what is none."""
    try:
        limits = {"most_bytes": settings.max_input_bytes, "most_pixels": settings.max_input_pixels}
        return clean_picture(data, **limits).data
    except FarmError:
        return b""


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
