"""How the transformer of a model is built, as far as it can be known without torch: to say what fits it."""

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from farm.adapters.fit import Transformer
from farm.catalog.schema import ModelEntry
from farm.transformer_layers import layers_of


@dataclass(frozen=True)
class Architecture:
    """A transformer's layers. Models with the same `id` take the same adapters."""

    id: str
    transformer: Transformer


def architecture_of(entry: ModelEntry) -> Architecture | None:
    """The architecture of a model: from its folder, if it is on this machine, else as it was published.

    None where neither says it, or its class is one that nobody here knows: then only a worker can tell what fits.
    """
    folder = entry.source.folder()
    places = [folder / "transformer" / "config.json"] if folder is not None else []
    if published := entry.architecture.get("transformer"):
        places.append(_shipped() / f"{published}.json")
    for place in places:
        try:
            return _read(place.read_text(encoding="utf-8"))
        except (OSError, ValueError, KeyError, TypeError):
            continue  # not there, or no description: the next may be
    return None


def _shipped() -> Path:
    # Found without importing it: a control node has no torch.
    spec = find_spec("workers")
    folders = spec.submodule_search_locations if spec else None
    return Path(folders[0] if folders else "/nonexistent") / "architectures"


@lru_cache(maxsize=128)
def _read(text: str) -> Architecture | None:
    layers = layers_of(json.loads(text))
    if layers is None:
        return None
    told = json.dumps(sorted((name, layer.shape, layer.groups) for name, layer in layers.items()))
    digest = hashlib.sha256(told.encode()).hexdigest()[:16]
    return Architecture(digest, Transformer(layers))
