"""Embeddings of prompts that were encoded before: in memory, and in Redis for the other workers.

A key names everything that the bits depend on: model, revision and weights, precision, dtypes, the code that encodes,
libraries, the kind of device and its threads, and of the render the prompts as the pipeline normalises them and their
lengths. So what is kept is what a fresh encoding would give, bit for bit. Each render gets a copy of its own.

Of a render whose prompt is new the negative prompt often is not: that of the last render is kept by itself.
"""

import hashlib
import json
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import fields
from typing import Protocol

import structlog
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from workers.denoising.track import Embeddings
from workers.families.base import Family, Prepared
from workers.protocol import EngineFacts

log = structlog.get_logger(__name__)

_NAMES = tuple(part.name for part in fields(Embeddings))


class SharedCache(Protocol):
    """Where workers leave bytes for each other; what is on it may be gone at any moment."""

    def embeddings(self, key: str) -> bytes | None: ...
    def keep_embeddings(self, key: str, data: bytes, seconds: int) -> None: ...


class EmbeddingCache:
    """The embeddings of one model. Not thread-safe: the engine's loop calls it.

    Parameters:
        facts: of the loaded model, see the head of this file.
        most_bytes: kept in memory, of the host; what was not asked for longest goes first.
        shared_cache: shared with other workers; none: only memory.
        shared_seconds: how long it keeps what is put into it.
    """

    def __init__(
        self, facts: EngineFacts, *, most_bytes: int, shared_cache: SharedCache | None = None, shared_seconds: int = 600
    ) -> None:
        self.found = 0
        self.encoded = 0
        self._identity = _identity(facts)
        self._most_bytes = most_bytes
        self._shared_cache = shared_cache
        self._shared_seconds = shared_seconds
        self._kept: OrderedDict[str, Embeddings] = OrderedDict()
        self._bytes = 0
        self._last_negative: tuple[str, Embeddings] | None = None  # its key, and what has it as its negative half

    def of(self, family: Family, prepared: Prepared) -> Embeddings:
        """The embeddings of a render's prompts, on the family's device: kept ones, or encoded now."""
        asked = family.encode_key(prepared)
        if asked is None:
            return family.encode(prepared)
        key = self._key(family, asked)
        kept = self._kept.get(key) or self._from_shared_cache(key)
        if kept is None:
            self.encoded += 1
            made = self._encode(family, prepared)
            kept = _copied(made, torch.device("cpu"))
            if not _is_finite(kept):  # of a device that failed: nobody else shall have them
                return made
            if self._shared_cache is not None:
                self._shared_cache.keep_embeddings(key, save(_tensors(kept)), self._shared_seconds)
        else:
            self.found += 1
        if (negative := family.negative_key(prepared)) is not None:
            self._last_negative = self._key(family, negative), kept
        self._keep(key, kept)
        return _copied(kept, family.device)

    def _encode(self, family: Family, prepared: Prepared) -> Embeddings:
        """Encode both prompts, or only the positive one if the negative one is that of the render before."""
        negative = family.negative_key(prepared)
        if negative is None or self._last_negative is None or self._last_negative[0] != self._key(family, negative):
            return family.encode(prepared)
        return family.encode(prepared, _copied(self._last_negative[1], family.device))

    def _key(self, family: Family, asked: Hashable) -> str:
        kind = f"{type(family).__module__}.{type(family).__qualname__}"
        dtypes = sorted(family.entry.dtype.items())
        return hashlib.sha256(f"{self._identity}\n{kind}\n{dtypes!r}\n{asked!r}".encode()).hexdigest()

    def _from_shared_cache(self, key: str) -> Embeddings | None:
        data = None if self._shared_cache is None else self._shared_cache.embeddings(key)
        if data is None:
            return None
        try:
            tensors = load(data)
            return Embeddings(**{name: tensors[name] for name in _NAMES if name in tensors})
        except (SafetensorError, TypeError) as error:
            log.warning("embeddings that cannot be read", key=key, error=str(error))
            return None

    def _keep(self, key: str, kept: Embeddings) -> None:
        size = _size(kept)
        if size > self._most_bytes:
            return
        if key not in self._kept:
            self._bytes += size
        self._kept[key] = kept
        self._kept.move_to_end(key)
        while self._bytes > self._most_bytes:
            _, oldest = self._kept.popitem(last=False)
            self._bytes -= _size(oldest)


def _identity(facts: EngineFacts) -> str:
    """A hash of all that the bits of an embedding depend on, beside the prompts."""
    values = {
        "source": [facts.source, facts.revision],
        "precision": facts.precision,
        "device": facts.device,
        "threads": facts.torch_threads,
        "versions": facts.versions,
        "weights": facts.weight_sha256,
    }
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _tensors(embeddings: Embeddings) -> dict[str, torch.Tensor]:
    found = {name: getattr(embeddings, name) for name in _NAMES}
    return {name: tensor.contiguous() for name, tensor in found.items() if tensor is not None}


def _copied(embeddings: Embeddings, device: torch.device) -> Embeddings:
    return Embeddings(**{name: tensor.to(device, copy=True) for name, tensor in _tensors(embeddings).items()})


def _is_finite(embeddings: Embeddings) -> bool:
    return all(bool(tensor.isfinite().all()) for tensor in _tensors(embeddings).values())


def _size(embeddings: Embeddings) -> int:
    return sum(tensor.nbytes for tensor in _tensors(embeddings).values())
