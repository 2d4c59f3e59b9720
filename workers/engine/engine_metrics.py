"""What an engine tells its parent of itself for metrics: its passes, its embedding cache, the memory of its device."""

import time
from collections.abc import Callable

import torch

from workers.engine.embedding_cache import EmbeddingCache
from workers.engine.passes import Passes
from workers.protocol import Measured

#: As often as most Prometheus servers look, or a little more.
EVERY_SECONDS = 5.0


class Measuring:
    """Collects for one engine. One thread uses it.

    Parameters:
        passes: what the engine ran is taken from here.
        cache: its embeddings, if it keeps any.
        device: of the model.
    """

    def __init__(
        self,
        passes: Passes,
        cache: EmbeddingCache | None,
        device: torch.device,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        passes.keep_times()
        self._passes = passes
        self._cache = cache
        self._device = device
        self._clock = clock
        self._said_at = clock()
        self._found = self._encoded = 0

    def due(self) -> Measured | None:
        """All that came since the last time; None until EVERY_SECONDS have gone by."""
        if self._clock() - self._said_at < EVERY_SECONDS:
            return None
        self._said_at = self._clock()
        found, encoded = (self._cache.found, self._cache.encoded) if self._cache else (0, 0)
        measured = Measured(
            passes=self._passes.take_times(),
            embeddings_found=found - self._found,
            embeddings_encoded=encoded - self._encoded,
            memory=_memory(self._device),
        )
        self._found, self._encoded = found, encoded
        return measured


def _memory(device: torch.device) -> dict[str, int]:
    """Bytes, by what torch calls them; nothing on a CPU."""
    if device.type != "cuda":
        return {}
    return {
        "allocated": torch.cuda.memory_allocated(device),
        "reserved": torch.cuda.memory_reserved(device),
        "peak": torch.cuda.max_memory_allocated(device),
    }
