"""From layers to a checked catalog; every fault of every entry at once, with the line it comes from."""

import os
from collections.abc import Collection, Iterator, Mapping
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from farm.catalog.known import SAMPLERS, known_families
from farm.catalog.layers import read_layers
from farm.catalog.merging import Merged
from farm.catalog.schema import Entry, ModelEntry, PoolEntry
from farm.errors import CatalogError, Fault, UnknownModel, UnknownPool
from farm.nearest import did_you_mean
from farm.settings import Settings

AnyEntry = TypeVar("AnyEntry", bound=Entry)


class Catalog:
    """The models and pools of this farm."""

    def __init__(self, models: dict[str, ModelEntry], pools: dict[str, PoolEntry], merged: Merged) -> None:
        self.models = models
        self.pools = pools
        self._merged = merged

    def model(self, name: str) -> ModelEntry:
        """The entry of a model.

        Raises:
            UnknownModel: the message lists the known names, the likeliest first.
        """
        if name not in self.models:
            text = f"unknown model {name[:200]!r}; {did_you_mean(name, self.models)}"
            raise UnknownModel([Fault("/model", text)], text)
        return self.models[name]

    def pool(self, name: str) -> PoolEntry:
        """The entry of a pool.

        Raises:
            UnknownPool: the message lists the known names, the likeliest first.
        """
        if name not in self.pools:
            raise UnknownPool(f"unknown pool {name[:200]!r}; {did_you_mean(name, self.pools)}")
        return self.pools[name]

    def pools_of(self, model: str) -> list[PoolEntry]:
        """The pools that serve a model; one that none serves can be submitted to, but nothing renders it."""
        return [pool for pool in self.pools.values() if pool.model == model]

    def origin(self, path: str) -> str:
        """Where the value at 'models.NAME.KEY' came from: 'FILE:LINE', a variable, or 'default'."""
        return self._merged.origin(tuple(path.split(".")))


def load_catalog(settings: Settings, variables: Mapping[str, str] | None = None) -> Catalog:
    """The shipped catalog under the farm's own files, the chosen environment's overlays, and variables.

    Raises:
        CatalogError: with every fault and where it stands.
    """
    variables = os.environ if variables is None else variables
    merged = Merged(read_layers(settings.catalog, settings.environment, variables), variables)
    faults = list(merged.faults)
    models = dict(_entries(ModelEntry, "models", merged, faults))
    pools = dict(_entries(PoolEntry, "pools", merged, faults))
    for name, pool in merged.values["pools"].items():
        model = pool.get("model")
        if isinstance(model, str) and model not in merged.names["models"]:
            place = merged.place(("pools", name, "model"))
            text = f"unknown model {model!r}; {did_you_mean(model, merged.values['models'])}"
            faults.append(Fault(f"{place}: pools.{name}.model", text))
    for entry in models.values():
        faults += _unknown_names(entry, merged)
    if faults:
        raise CatalogError(faults)
    return Catalog(models, pools, merged)


def _entries(kind: type[AnyEntry], section: str, merged: Merged, faults: list[Fault]) -> Iterator[tuple[str, AnyEntry]]:
    for name, values in sorted(merged.values[section].items()):
        try:
            yield name, kind.model_validate(values)
        except ValidationError as error:
            for found in error.errors(include_url=False):
                path = (section, name, *(str(part) for part in found["loc"]))
                message = found["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
                if found["type"] == "extra_forbidden":
                    known = _known_keys(kind, found["loc"][:-1])
                    message = f"unknown key; {did_you_mean(path[-1], known, show=5)}"
                elif found["type"] == "missing":
                    message = "is missing; every entry needs it"
                elif not isinstance(found["input"], dict):
                    message += f"; seen {found['input']!r}"
                faults.append(Fault(f"{merged.place(path)}: {'.'.join(path)}", message))


def _unknown_names(entry: ModelEntry, merged: Merged) -> list[Fault]:
    """Faults of a family that is not installed and of samplers that nobody builds."""
    faults = []
    named: list[tuple[str, list[str], Collection[str]]] = [
        ("family", [entry.family], known_families()),
        ("samplers", entry.samplers, SAMPLERS),
    ]
    for key, names, known in named:
        place = merged.place(("models", entry.name, key))
        for name in names:
            if name not in known:
                text = f"unknown {name!r}; {did_you_mean(name, known)}"
                faults.append(Fault(f"{place}: models.{entry.name}.{key}", text))
    return faults


def _known_keys(kind: type[BaseModel], location: tuple[str | int, ...]) -> list[str]:
    """The keys that may stand at a place in an entry."""
    for part in location:
        inner = kind.model_fields[str(part)].annotation if str(part) in kind.model_fields else None
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            kind = inner
    return list(kind.model_fields)
