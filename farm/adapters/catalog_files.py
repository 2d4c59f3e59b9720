"""What a LoRA of the catalog holds, where its file lies on this machine: known before a worker loads it."""

from functools import lru_cache
from mmap import ACCESS_READ, mmap
from pathlib import Path

from farm.adapters.compatibility import AdapterCompatibility, compatibility_of
from farm.adapters.file_header import AdapterFacts, read_adapter
from farm.catalog.adapters import AdapterSource
from farm.catalog.schema import ModelEntry
from farm.errors import InvalidRequest


def catalog_compatibility(source: AdapterSource, model: ModelEntry) -> AdapterCompatibility | None:
    """What this model takes of the file of a catalog's adapter, by the header alone.

    None where the file is not on this machine or is none that a worker would load: then the worker says why. It alone
    holds the file against the catalog's sha256.
    """
    path = _local_file(source)
    facts = _facts(path) if path is not None else None
    return compatibility_of(facts, [model]) if facts is not None else None


def _local_file(source: AdapterSource) -> Path | None:
    if source.path is not None:
        return source.path
    try:
        from huggingface_hub import try_to_load_from_cache  # a control node may be without it
    except ImportError:
        return None
    found = try_to_load_from_cache(str(source.repo), str(source.file), revision=source.revision)
    return Path(found) if isinstance(found, str) else None


def _facts(path: Path) -> AdapterFacts | None:
    try:
        state = path.stat()
        return _read(path, state.st_mtime_ns, state.st_size)
    except (OSError, ValueError, InvalidRequest):  # a file without bytes cannot be mapped
        return None


@lru_cache(maxsize=256)
def _read(path: Path, _changed_ns: int, _size: int) -> AdapterFacts:
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as mapped:
        return read_adapter(mapped)
