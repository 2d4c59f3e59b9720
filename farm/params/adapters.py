"""Adapters (LoRA) of a request: those of the catalog by name, those that the project uploaded by id."""

from collections.abc import Sequence
from typing import Any, get_args

from farm.adapters.catalog_files import catalog_compatibility
from farm.adapters.compatibility import AdapterCompatibility
from farm.catalog.adapters import MOST_ADAPTERS, WEIGHTS
from farm.catalog.schema import ModelEntry
from farm.catalog.supported_features import ABILITIES
from farm.did_you_mean import did_you_mean
from farm.errors import Fault
from farm.params.checks.collector import Checked, Notice, Said, refused
from farm.params.pictures import FindInput
from farm.params.request.base import ADAPTER_SUFFIX, AdapterRef, Expert
from farm.params.request.job_request import AdapterUse
from farm.params.request.submission import pointer, shown


def check_adapters(
    asked: Sequence[AdapterUse], entry: ModelEntry, allow_partial: bool, find_input: FindInput
) -> Checked[tuple[AdapterRef, ...]]:
    """What a render keeps of its adapters, sorted by name: the order of a sum changes its last bits.

    Those that work with no strength are left out.
    """
    if not asked:
        return (), ()
    if len(asked) > MOST_ADAPTERS:
        return refused((), "loras", f"a render has at most {MOST_ADAPTERS} adapters; seen {len(asked)}")
    if entry.without_adapters:
        return refused((), "loras", f"{entry.name} takes no adapters: {entry.without_adapters}; leave it out")
    each = [_check_one(place, use, entry, allow_partial, find_input) for place, use in enumerate(asked)]
    twice = tuple(
        Fault(pointer("loras", place, "name"), f"names {shown(use.name)} a second time; leave it out")
        for place, use in enumerate(asked)
        if any(before.name == use.name and _same_expert(before, use) for before in asked[:place])
    )
    known = [adapter for adapter, _ in each if adapter is not None and adapter.weight]
    told = (said for _, all_said in each for said in all_said)
    return tuple(sorted(known, key=lambda adapter: (adapter.name, adapter.expert or ""))), (*told, *twice)


def _same_expert(one: AdapterUse, other: AdapterUse) -> bool:
    """Whether any expert would have both."""
    return None in (one.expert, other.expert) or one.expert == other.expert


def split_expert(typed: str) -> tuple[str, dict[str, Any]]:
    """What people type of an adapter without ':high-noise' or ':low-noise' at its end, and the field that this is."""
    rest, colon, expert = typed.rpartition(":")
    return (rest, {"expert": expert}) if colon and expert in get_args(Expert) else (typed, {})


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
            **({"expert": {"enum": [*get_args(Expert), None]}} if _has_experts(entry) else {}),
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


def _check_one(
    place: int, use: AdapterUse, entry: ModelEntry, allow_partial: bool, find_input: FindInput
) -> Checked[AdapterRef | None]:
    known = entry.adapters.get(use.name)
    weight = use.weight if use.weight is not None else known.weight if known else 1.0
    faults = (*_weight_faults(place, weight), *_expert_faults(place, use, entry))
    where = pointer("loras", place, "name")
    stored: AdapterCompatibility | None
    if known is not None:
        ref = AdapterRef(
            name=use.name, weight=weight, sha256=known.source.sha256, expert=use.expert, file=known.source.stem
        )
        stored = catalog_compatibility(known.source, entry)
    else:
        uploaded = find_input(use.name)
        if uploaded is None or not uploaded.key.endswith(ADAPTER_SUFFIX):
            hint = did_you_mean(use.name, entry.adapters) if entry.adapters else "the catalog has none for it"
            message = f"{entry.name} has no adapter {shown(use.name)}, nor was one of that id uploaded; {hint}"
            return None, (*faults, Fault(where, message))
        file = uploaded.name.removesuffix(ADAPTER_SUFFIX) or None
        ref = AdapterRef(
            name=use.name, weight=weight, sha256=uploaded.sha256, key=uploaded.key, expert=use.expert, file=file
        )
        stored = AdapterCompatibility.model_validate(uploaded.adapter) if uploaded.adapter else None
    fitting, said = _check_fit(where, ref, stored, entry, allow_partial)
    return fitting, faults + said


def _weight_faults(place: int, weight: float) -> Said:
    low, high = WEIGHTS
    if low <= weight <= high:
        return ()
    return (Fault(pointer("loras", place, "weight"), f"must be between {low:g} and {high:g}; seen {shown(weight)}"),)


def _has_experts(entry: ModelEntry) -> bool:
    ability = ABILITIES.get(entry.family)
    return ability is not None and ability.two_experts


def _expert_faults(place: int, use: AdapterUse, entry: ModelEntry) -> Said:
    if use.expert is None or _has_experts(entry):
        return ()
    text = f"{entry.name} has one transformer and no experts to choose from; leave it out"
    return (Fault(pointer("loras", place, "expert"), text),)


def _check_fit(
    where: str, ref: AdapterRef, stored: AdapterCompatibility | None, entry: ModelEntry, allow_partial: bool
) -> Checked[AdapterRef]:
    """With what the model takes of it; a fault where that is nothing, or not all and nobody said that this will do.

    Where it is not known, the worker looks: the file came before the model or is on no disk here, or the model's layers
    are not known here.
    """
    share = stored.of(entry) if stored else None
    if stored is None or share is None:
        return ref.model_copy(update={"partial": allow_partial}), ()
    whole = share.applied >= stored.layers
    partial = allow_partial and not whole
    fitting = ref.model_copy(update={"partial": partial, "applied": share.applied, "layers": stored.layers})
    taken = f"{share.applied} of the {stored.layers} layers"
    if not share.applied:
        message = f"the adapter {shown(ref.name)} does not fit {entry.name}: it takes none of the {stored.layers}"
        return fitting, (Fault(where, f"{message} layers, as of {share.reason}"),)
    if whole:
        return fitting, ()
    if not allow_partial:
        message = f"{entry.name} takes {taken} of the adapter {shown(ref.name)}: {share.reason}"
        return fitting, (Fault(where, f"{message}; say allow_partial to render with these"),)
    told = f"{entry.name} takes {taken} of this adapter; not {share.reason}"
    return fitting, (Notice(where, told),)
