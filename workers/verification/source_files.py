"""The files that a render was made with beside its model, as somebody has them who makes it again: pictures,
clips, LoRAs.
"""

import hashlib
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from farm.clip_containers import container_of
from farm.clips import clean_clip
from farm.errors import FarmError, Fault, InvalidRequest
from farm.manifest import Manifest
from farm.params.pictures import stored_pictures
from farm.params.request.base import CLIP_SUFFIX, ClipRef
from farm.pictures import clean_picture
from farm.settings import Settings
from farm.uploads import clip_limits


@contextmanager
def given_files(manifest: Manifest, paths: Sequence[Path], settings: Settings) -> Iterator[dict[str, str]]:
    """The manifest's files among those that were given, as an order names them; each is known by its sha256.

    A picture or clip counts as it was uploaded or as the farm stored it. Raises InvalidRequest with every fault.
    """
    wanted, names = _wanted(manifest)
    faults, found = list[Fault](), dict[str, str]()
    with tempfile.TemporaryDirectory(prefix="latent-farm-") as folder:
        for place, path in enumerate(paths):
            if not path.is_file():
                faults.append(Fault("--input", f"there is no file {path}"))
                continue
            copy = Path(folder) / f"{place}{path.suffix}"  # what reads it goes by the suffix
            shutil.copyfile(path, copy)
            keys = wanted.get(_digest(copy))
            if keys is None and (stored := _as_stored(copy, settings)):
                copy, keys = stored, wanted.get(_digest(stored))
            if keys is None:
                faults.append(Fault("--input", f"{path} is none of the files that the render was made with (sha256)"))
            else:
                found |= dict.fromkeys(keys, str(copy))
        faults += [
            Fault("--input", f"the render was made with {name}; give its file")
            for key, name in names.items()
            if key not in found
        ]
        if faults:
            raise InvalidRequest(faults)
        yield found


def _wanted(manifest: Manifest) -> tuple[Mapping[str, list[str]], Mapping[str, str]]:
    """From sha256 to what an order calls the file, wherever it names it, and from that to what people call it."""
    by_hash, names = defaultdict[str, list[str]](list), dict[str, str]()
    for name, picture in stored_pictures(manifest.parameters).items():
        by_hash[picture.sha256].append(name)
        names[name] = f"a {'clip' if isinstance(picture, ClipRef) else 'picture'} ({name})"
    for adapter in manifest.parameters.get("loras") or []:
        key = f"loras/{adapter['sha256']}"
        by_hash[adapter["sha256"]].append(key)
        names[key] = f"the LoRA {adapter['name']!r}"
    return by_hash, names


def _as_stored(file: Path, settings: Settings) -> Path | None:
    """A picture or clip as the farm stores what is uploaded; None for what is neither."""
    with file.open("rb") as opened:
        is_clip = container_of(opened.read(12)) is not None
    stored = file.with_name(f"{file.stem}-stored{CLIP_SUFFIX if is_clip else '.png'}")
    try:
        if is_clip:
            clean_clip(file, stored, clip_limits(settings))
        else:
            limits = {"most_bytes": settings.max_input_bytes, "most_pixels": settings.max_input_pixels}
            stored.write_bytes(clean_picture(file.read_bytes(), **limits).data)
    except FarmError:
        return None
    return stored


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
