"""Adapters (LoRA) of a request: those of the catalog by name, those that the project uploaded by id."""

from typing import Any

from farm.adapter_shares import AdapterShares
from farm.catalog.adapters import MOST_ADAPTERS, WEIGHTS
from farm.catalog.schema import ModelEntry
from farm.catalog_adapters import catalog_shares
from farm.did_you_mean import did_you_mean
from farm.errors import Fault
from farm.params.request.base import ADAPTER_SUFFIX, AdapterRef
from farm.params.request.job_request import AdapterUse
from farm.params.request.submission import pointer, shown
from farm.params.request_checks import RequestChecks


def adapters_of(checks: RequestChecks) -> tuple[AdapterRef, ...]:
    """What a render keeps of its adapters, sorted by name: the order of a sum changes its last bits.

    Those that work with no strength are left out. Every fault goes to request validation.
    """
    asked = checks.request.loras or []
    if len(asked) > MOST_ADAPTERS:
        checks.refuse("loras", f"a render has at most {MOST_ADAPTERS} adapters; seen {len(asked)}")
        return ()
    if asked and checks.entry.without_adapters:
        checks.refuse("loras", f"{checks.entry.name} takes no adapters: {checks.entry.without_adapters}; leave it out")
        return ()
    found = [_one(checks, place, use) for place, use in enumerate(asked)]
    names = [use.name for use in asked]
    for place, name in enumerate(names):
        if name in names[:place]:
            checks.faults.append(
                Fault(pointer("loras", place, "name"), f"names {shown(name)} a second time; leave it out")
            )
    known = [adapter for adapter in found if adapter is not None and adapter.weight]
    return tuple(sorted(known, key=lambda adapter: adapter.name))


def adapters_schema(entry: ModelEntry) -> dict[str, Any]:
    """What a schema says of `loras` and `allow_partial` where the model takes adapters; `x-adapters`: the catalog's."""
    if entry.without_adapters:
        return {}
    one = {
        "type": "object",
        "additionalProperties": False,
        "required": ["name"],
        "properties": {
            "name": {"type": "string"},
            "weight": {"type": ["number", "null"], "minimum": WEIGHTS[0], "maximum": WEIGHTS[1]},
        },
    }
    return {
        "loras": {
            "type": ["array", "null"],
            "items": one,
            "maxItems": MOST_ADAPTERS,
            "x-adapters": sorted(entry.adapters),
        },
        "allow_partial": {"default": False},
    }


def _one(checks: RequestChecks, place: int, use: AdapterUse) -> AdapterRef | None:
    entry = checks.entry.adapters.get(use.name)
    weight = use.weight if use.weight is not None else entry.weight if entry else 1.0
    low, high = WEIGHTS
    if not low <= weight <= high:
        checks.faults.append(
            Fault(pointer("loras", place, "weight"), f"must be between {low:g} and {high:g}; seen {shown(weight)}")
        )
    if entry is not None:
        ref = AdapterRef(name=use.name, weight=weight, sha256=entry.source.sha256, file=entry.source.stem)
        return _as_far_as_it_fits(checks, place, ref, catalog_shares(entry.source, checks.entry))
    uploaded = checks.uploaded(use.name)
    if uploaded is None or not uploaded.key.endswith(ADAPTER_SUFFIX):
        hint = did_you_mean(use.name, checks.entry.adapters) if checks.entry.adapters else "the catalog has none for it"
        message = f"{checks.entry.name} has no adapter {shown(use.name)}, nor was one of that id uploaded; {hint}"
        checks.faults.append(Fault(pointer("loras", place, "name"), message))
        return None
    file = uploaded.name.removesuffix(ADAPTER_SUFFIX) or None
    ref = AdapterRef(name=use.name, weight=weight, sha256=uploaded.sha256, key=uploaded.key, file=file)
    return _as_far_as_it_fits(
        checks, place, ref, AdapterShares.model_validate(uploaded.adapter) if uploaded.adapter else None
    )


def _as_far_as_it_fits(checks: RequestChecks, place: int, ref: AdapterRef, stored: AdapterShares | None) -> AdapterRef:
    """With what the model takes of it; a fault where that is nothing, or not all and nobody said that this will do.

    Where it is not known, the worker looks: the file came before the model or is on no disk here, or the model's layers
    are not known here.
    """
    share = stored.of(checks.entry) if stored else None
    allowed = bool(checks.request.allow_partial)
    if stored is None or share is None:
        return ref.model_copy(update={"partial": allowed})
    where = pointer("loras", place, "name")
    taken = f"{share.applied} of the {stored.layers} layers"
    if not share.applied:
        message = (
            f"the adapter {shown(ref.name)} does not fit {checks.entry.name}: it takes none of the {stored.layers}"
        )
        checks.faults.append(Fault(where, f"{message} layers, as of {share.reason}"))
    elif share.applied < stored.layers and not allowed:
        message = f"{checks.entry.name} takes {taken} of the adapter {shown(ref.name)}: {share.reason}"
        checks.faults.append(Fault(where, f"{message}; say allow_partial to render with these"))
    elif share.applied < stored.layers:
        checks.notices.append(f"{where}: {checks.entry.name} takes {taken} of this adapter; not {share.reason}")
    partial = allowed and share.applied < stored.layers
    return ref.model_copy(update={"partial": partial, "applied": share.applied, "layers": stored.layers})
