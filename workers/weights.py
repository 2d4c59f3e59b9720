"""The weight files of a model's folder: which will be read, whether they are whole, and their hashes."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

#: A safetensors header larger than this is refused by the format's own library.
_HEADER_LIMIT = 100_000_000


class BadWeights(ValueError):
    """A weight file is missing, truncated or not safetensors; the message names it."""


def weight_files(folder: Path, variant: str | None) -> list[Path]:
    """The safetensors files that loading reads, for each component of `model_index.json`; `variant` first.

    Raises BadWeights when a component's folder is missing.
    """
    files: list[Path] = []
    for component in components(folder):
        place = folder / component
        if not place.is_dir():
            raise BadWeights(f"{place} is missing, and model_index.json names it; copy the whole model folder")
        files.extend(_of_variant(sorted(place.glob("*.safetensors")), variant))
    if not files:
        raise BadWeights(f"{folder} holds no .safetensors file; pickled weights (.bin, .ckpt) are not loaded")
    return files


def components(folder: Path) -> list[str]:
    """Names of the parts of a pipeline: those that `model_index.json` gives a class."""
    index = read_index(folder)
    return [
        name
        for name, value in index.items()
        if not name.startswith("_") and isinstance(value, list) and value[0] is not None
    ]


def read_index(folder: Path) -> dict[str, object]:
    """`model_index.json` of a diffusers folder. Raises BadWeights."""
    path = folder / "model_index.json"
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
    """Compare each file's size with what its own header promises. Raises BadWeights for the first that
    differs.
    """
    for path in files:
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


def hash_files(folder: Path, files: Iterable[Path]) -> dict[str, str]:
    """sha256 of each file, by its path inside the folder."""
    return {str(path.relative_to(folder)): _sha256(path) for path in files}


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _of_variant(files: list[Path], variant: str | None) -> list[Path]:
    """`model.bf16.safetensors` and its shards for variant 'bf16', or those without any when there is none."""
    if variant is not None:
        chosen = [path for path in files if f".{variant}." in path.name or f".{variant}-" in path.name]
        if chosen:
            return chosen
    return [path for path in files if path.name.count(".") == 1]
