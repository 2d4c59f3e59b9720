"""The weight files of a model's folder: which will be read, whether they are whole, and their hashes."""

import hashlib
import json
import os
import zipfile
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import MappingProxyType

from workers.model_files.selection import GGUF, INDEX, SAFE, Selection, component_names, select

#: A safetensors header larger than this is refused by the format's own library.
_HEADER_LIMIT = 100_000_000
#: Files that are hashed side by side: one core hashes slower than a good disk reads.
_AT_ONCE = min(4, os.cpu_count() or 1)


class BadWeights(ValueError):
    """A weight file is missing, truncated, changed or not safetensors; the message names it."""


def weight_files(folder: Path, variant: str | None, *, pickle: bool = False) -> list[Path]:
    """The weight files that loading reads, for each component of `model_index.json`; `variant` first.

    Raises BadWeights when a component's folder is missing, or holds only pickled weights and `pickle` is false.
    """
    return [folder / path for path in select_in(folder, variant, pickle=pickle).weights]


def select_in(
    folder: Path,
    variant: str | None,
    *,
    pickle: bool = False,
    single_file: Mapping[str, str] = MappingProxyType({}),
) -> Selection:
    """The files that loading reads of a folder. Raises BadWeights as `weight_files` does."""
    index = read_index(folder)
    names: list[str] = []
    for component in component_names(index):
        place = folder / component
        if not place.is_dir():
            raise BadWeights(f"{place} is missing, and {INDEX} names it; copy the whole model folder")
        names.extend(path.relative_to(folder).as_posix() for path in place.rglob("*") if path.is_file())
    chosen = select(names, index, variant, pickle=pickle, single_file=single_file)
    for path in single_file.values():
        if path in chosen.weights and not (folder / path).is_file():
            raise BadWeights(f"{folder / path} is missing, and 'source.single_file' in the catalog names it")
    refuse_pickled(chosen, str(folder))
    if not chosen.weights:
        raise BadWeights(f"{folder} holds no {SAFE} file; pickled weights (.bin, .ckpt) are not loaded")
    return chosen


def refuse_pickled(chosen: Selection, where: str) -> None:
    """Raises BadWeights when a component has no weights but pickled ones that the catalog does not allow."""
    if chosen.refused:
        raise BadWeights(
            f"{where} has only pickled weights for one of its components ({chosen.refused[0]}), and such a file can "
            "run code as it is read; use a safetensors copy, or set 'source.pickle' in the catalog if you trust its "
            "author"
        )


def components(folder: Path) -> list[str]:
    """Names of the parts of a pipeline: those that `model_index.json` gives a class."""
    return component_names(read_index(folder))


def read_index(folder: Path) -> dict[str, object]:
    """`model_index.json` of a diffusers folder. Raises BadWeights."""
    path = folder / INDEX
    try:
        index = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadWeights(f"{path} is missing; a model folder is what save_pretrained writes") from None
    except ValueError as error:
        raise BadWeights(f"{path} is no JSON: {error}") from None
    if not isinstance(index, dict):
        raise BadWeights(f"{path} must hold a JSON object")
    return index


def check_whole(files: Iterable[Path]) -> None:
    """Compare each file's size with what its own header promises, and find every shard that an index names.

    Raises BadWeights for the first that differs or is missing.
    """
    files = list(files)
    for path in files:
        if path.suffix == SAFE:
            _check_header(path)
        elif path.suffix == GGUF:
            _check_gguf(path)
        elif not zipfile.is_zipfile(path):  # torch writes archives, whose table of contents is at their end
            raise BadWeights(f"{path} is truncated or no file of torch; fetch it again")
    _check_shards(files)


def _check_header(path: Path) -> None:
    size = path.stat().st_size
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if size < 8 or length > min(size - 8, _HEADER_LIMIT):
            raise BadWeights(f"{path} is truncated or no safetensors file ({size} bytes); fetch it again")
        try:
            header = json.loads(stream.read(length))
        except ValueError:
            raise BadWeights(f"{path} is no safetensors file; fetch it again") from None
    ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
    promised = 8 + length + max(ends, default=0)
    if size != promised:
        raise BadWeights(f"{path} holds {size} bytes where its header promises {promised}; fetch it again")


def _check_gguf(path: Path) -> None:
    """Its tensors must lie inside the file. Raises BadWeights."""
    try:
        from workers.model_files.gguf_header import BoundedReader
    except ImportError:
        raise BadWeights(f"{path} needs the package gguf: pip install 'latent-farm[gguf]'") from None
    try:
        BoundedReader(path)
    except (ValueError, LookupError, TypeError, OverflowError, RecursionError) as error:
        raise BadWeights(f"{path} is truncated or no GGUF file ({error}); fetch it again") from None


def _check_shards(files: list[Path]) -> None:
    """Every index that names one of the files must find all of its shards among them."""
    here = set(files)
    for folder in {path.parent for path in files}:
        for index in sorted(folder.glob("*.index*.json")):
            try:
                shards = {
                    folder / name for name in json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()
                }
            except (ValueError, KeyError, AttributeError, TypeError):
                raise BadWeights(f"{index} is no index of shards; fetch it again") from None
            if shards & here and (missing := sorted(shards - here)):
                raise BadWeights(f"{missing[0]} is missing, and {index.name} names it; fetch it again")


def hash_files(folder: Path, files: Iterable[Path]) -> dict[str, str]:
    """sha256 of each file, by its path inside the folder."""
    files = list(files)
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        return dict(
            zip((path.relative_to(folder).as_posix() for path in files), threads.map(_sha256, files), strict=True)
        )


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
