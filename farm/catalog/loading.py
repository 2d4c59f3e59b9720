"""From layers to a checked catalog; every fault of every entry at once, with the line it comes from."""

import os
from collections.abc import Iterator, Mapping
from math import lcm
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from farm.catalog.adapters import AdapterEntry
from farm.catalog.entry import Entry
from farm.catalog.layers import read_layers
from farm.catalog.merging import Merged
from farm.catalog.pool import PoolEntry
from farm.catalog.schema import Defaults, ModelEntry
from farm.catalog.supported_features import ABILITIES, known_families, known_samplers
from farm.did_you_mean import did_you_mean
from farm.errors import CatalogError, Fault, UnknownModel, UnknownPool, in_words
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

    def held(self, model: str) -> PoolEntry | None:
        """A pool that holds a model's weights as all of its pools do, and has no other settings; None: in its dtype."""
        quantization = next((pool.quantization for pool in self.pools_of(model)), {})
        return PoolEntry(name="held", model=model, quantization=quantization) if quantization else None

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
    for name, values in merged.values["pools"].items():
        model = values.get("model")
        if isinstance(model, str) and model not in merged.names["models"]:
            place = merged.place(("pools", name, "model"))
            text = f"unknown model {model!r}; {did_you_mean(model, merged.values['models'])}"
            faults.append(Fault(f"{place}: pools.{name}.model", text))
    adapters = dict(_entries(AdapterEntry, "adapters", merged, faults))
    for name, adapter in adapters.items():
        for model in adapter.models:
            if model not in merged.names["models"]:
                place = merged.place(("adapters", name, "models"))
                text = f"unknown model {model!r}; {did_you_mean(model, merged.values['models'])}"
                faults.append(Fault(f"{place}: adapters.{name}.models", text))
    for entry in models.values():
        faults += _beyond_the_family(entry, merged)
    faults += _unlike_pools(pools, merged)
    for pool in pools.values():
        faults += _beyond_the_sharding(pool, models, merged)
        faults += _beyond_the_file(pool, models, merged)
    if faults:
        raise CatalogError(faults)
    return Catalog({name: _whole(entry, pools, adapters) for name, entry in models.items()}, pools, merged)


def remember_shipped() -> None:
    """Substitute what is shipped, which costs most of a load, for all processes that are forked from this one."""
    Merged(read_layers([], None, {}), {})


def _whole(entry: ModelEntry, pools: Mapping[str, PoolEntry], adapters: Mapping[str, AdapterEntry]) -> ModelEntry:
    """The entry with the adapters that were trained for it, and with what its pools ask of a render's tokens.

    Any of the pools may get the render, so it divides in all.
    """
    split = [pool.sharding for pool in pools.values() if pool.model == entry.name and pool.sharding]
    mine = {name: adapter for name, adapter in adapters.items() if entry.name in adapter.models}
    parts = lcm(entry.sequence_parts, *(sharding.sequence_parts for sharding in split))
    sharded = entry.sharded or bool(split)
    unable = [pool for pool in pools.values() if pool.model == entry.name and pool.without_adapters]
    without = entry.without_adapters or next((f"pool '{pool.name}' {pool.without_adapters}" for pool in unable), "")
    if entry.sharded and not without:
        without = "it lies on several devices, and only by weights they take adapters"
    changes = {"sequence_parts": parts, "sharded": sharded, "without_adapters": without, "adapters": mine}
    return entry.model_copy(update=changes)


def _beyond_the_sharding(pool: PoolEntry, models: Mapping[str, ModelEntry], merged: Merged) -> Iterator[Fault]:
    """Faults of a pool that splits the sequence of a model which cannot be split so."""
    if pool.sharding is None or pool.sharding.sequence_parts == 1 or pool.model not in models:
        return
    family = models[pool.model].family
    ability = ABILITIES.get(family)
    if ability is None or ability.token_pixels is None:
        path = ("pools", pool.name, "sharding", "by")
        text = f"diffusers has no plan to split the sequence of {family} models; take 'weights' or 'layers'"
        yield Fault(f"{merged.place(path)}: {'.'.join(path)}", text)


def _beyond_the_file(pool: PoolEntry, models: Mapping[str, ModelEntry], merged: Merged) -> Iterator[Fault]:
    """What a pool cannot do with a transformer that comes as one file."""
    source = models[pool.model].source if pool.model in models else None
    if source is None or not source.single_file:
        return
    asked = {
        "sharding": pool.sharding is not None,
        "quantization": "transformer" in pool.quantization
        and (source.gguf or pool.quantization["transformer"] != "fp8-cast"),
        "offload": source.gguf and pool.offload != "none",
        "compile": source.gguf and pool.compile,
    }
    for key in (key for key, wanted in asked.items() if wanted):
        text = f"{pool.model!r} reads its transformer from one file ('source.single_file'); this pool cannot have {key}"
        yield Fault(f"{merged.place(('pools', pool.name, key))}: pools.{pool.name}.{key}", text)


def _entries(kind: type[AnyEntry], section: str, merged: Merged, faults: list[Fault]) -> Iterator[tuple[str, AnyEntry]]:
    for name, values in sorted(merged.values[section].items()):
        try:
            yield name, kind.model_validate(values)
        except ValidationError as error:
            for found in error.errors(include_url=False):
                path = (section, name, *(str(part) for part in found["loc"]))
                message = in_words(found["msg"])
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
            if name not in known_samplers():
                said.append(("samplers", f"unknown {name!r}; {did_you_mean(name, ability.samplers)}"))
            elif not ability.takes(name):
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
        if ability.frames_per_latent is not None and entry.frame_multiple % ability.frames_per_latent:
            text = f"must be a multiple of {ability.frames_per_latent} for {entry.family}; seen {entry.frame_multiple}"
            said.append(("frame_multiple", text))
        if ability.frames_per_latent is None and entry.limits.frames != (1, 1):
            said.append(("limits.frames", f"{entry.family} makes pictures, not clips; leave it out"))
    cache, works = entry.step_cache, ability.step_caches if ability else ()
    if cache is not None and cache.kind not in works:
        allowed = ", ".join(works) or "none"
        said.append(("step_cache.kind", f"{cache.kind!r} does not work with {entry.family}; allowed: {allowed}"))
    return [
        Fault(f"{merged.place(('models', entry.name, *key.split('.')))}: models.{entry.name}.{key}", text)
        for key, text in said
    ]


def _unlike_pools(pools: dict[str, PoolEntry], merged: Merged) -> list[Fault]:
    """Faults of pools that would render the same lane with other weights: who claims would decide the picture."""
    first: dict[str, PoolEntry] = {}
    faults = []
    for pool in pools.values():
        other = first.setdefault(pool.model, pool)
        if pool.quantization != other.quantization:
            text = (
                f"pool '{other.name}' serves {pool.model!r} with other weights ({other.quantization or 'none'}), and "
                "pictures differ between them; make a model for one of the two: {extends: MODEL, precision: int8}"
            )
            place = merged.place(("pools", pool.name, "quantization"))
            faults.append(Fault(f"{place}: pools.{pool.name}.quantization", text))
    return faults


def _known_keys(kind: type[BaseModel], location: tuple[str | int, ...]) -> list[str]:
    """The keys that may stand at a place in an entry."""
    for part in location:
        if kind is ModelEntry and part == "defaults":
            return list(Defaults.__annotations__)
        inner = kind.model_fields[str(part)].annotation if str(part) in kind.model_fields else None
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            kind = inner
    return list(kind.model_fields)
