"""From layers to a checked catalog; every fault of every entry at once, with the line it comes from."""

import os
from collections.abc import Iterator, Mapping
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from farm.catalog.known import ABILITIES, SAMPLERS, known_families
from farm.catalog.layers import read_layers
from farm.catalog.merging import Merged
from farm.catalog.schema import Defaults, Entry, ModelEntry, PoolEntry
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
        """The pools that serve a model; nothing can be submitted to one that none serves."""
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
        faults += _beyond_the_family(entry, merged)
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


def _beyond_the_family(entry: ModelEntry, merged: Merged) -> list[Fault]:
    """Faults of a family that is not installed, and of what no pipeline of the family can do."""
    said: list[tuple[str, str]] = []
    ability = ABILITIES.get(entry.family)
    known = known_families()
    if entry.family not in known:
        said.append(("family", f"unknown {entry.family!r}; {did_you_mean(entry.family, known)}"))
    if ability is not None:
        for name in entry.samplers:
            if name not in SAMPLERS:
                said.append(("samplers", f"unknown {name!r}; {did_you_mean(name, ability.samplers)}"))
            elif name not in ability.samplers:
                allowed = ", ".join(sorted(ability.samplers))
                said.append(("samplers", f"{name!r} does not work with {entry.family}; allowed: {allowed}"))
        if entry.size_multiple % ability.multiple:
            text = f"must be a multiple of {ability.multiple} for {entry.family}; seen {entry.size_multiple}"
            said.append(("size_multiple", text))
        if entry.bins is not None and entry.bins not in ability.bins:
            allowed = ", ".join(map(str, sorted(ability.bins))) or "none"
            said.append(("bins", f"{entry.family} has no table {entry.bins}; allowed: {allowed}"))
        if ability.most_steps is not None and entry.limits.steps[1] > ability.most_steps:
            text = f"{entry.family} takes at most {ability.most_steps} steps; seen {entry.limits.steps[1]}"
            said.append(("limits.steps", text))
        if ability.frames_per_latent is None and entry.limits.frames != (1, 1):
            said.append(("limits.frames", f"{entry.family} makes pictures, not clips; leave it out"))
    return [
        Fault(f"{merged.place(('models', entry.name, *key.split('.')))}: models.{entry.name}.{key}", text)
        for key, text in said
    ]


def _known_keys(kind: type[BaseModel], location: tuple[str | int, ...]) -> list[str]:
    """The keys that may stand at a place in an entry."""
    for part in location:
        if kind is ModelEntry and part == "defaults":
            return list(Defaults.__annotations__)
        inner = kind.model_fields[str(part)].annotation if str(part) in kind.model_fields else None
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            kind = inner
    return list(kind.model_fields)
