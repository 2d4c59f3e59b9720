"""Which models of the farm a bridge offers, and under which names of the Horde."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from farm.client import FarmClient, FarmProblem, Model, Pool
from farm.did_you_mean import did_you_mean
from farm.errors import Fault, InvalidRequest

if TYPE_CHECKING:
    from farm.params.request.job_fields import JobFields

_PROBE = "a red circle"


def read_offers(options: Sequence[str]) -> dict[str, str]:
    """MODEL=NAME of the command line as name at the Horde → model. Raises InvalidRequest with every fault."""
    offers: dict[str, str] = {}
    faults = []
    for option in options:
        model, _, name = (part.strip() for part in option.partition("="))
        if not model or not name:
            faults.append(Fault("--offer", f"must be MODEL=NAME, such as 'sana-demo=Sana Demo'; seen {option!r}"))
        elif name in offers:
            faults.append(Fault("--offer", f"offers {name!r} twice: one model for each name of the Horde"))
        else:
            offers[name] = model
    if faults:
        raise InvalidRequest(faults, "What is to be offered is not clear.")
    return offers


def check_offers(farm: FarmClient, offers: Mapping[str, str]) -> dict[str, Model]:
    """The offered models, each tried with a dry run, by their names. Raises InvalidRequest with every fault."""
    known = {model.name: model for model in farm.models()}
    faults = []
    for model in sorted(set(offers.values())):
        if model not in known:
            faults.append(Fault("--offer", f"the farm has no model {model!r}; {did_you_mean(model, known)}"))
            continue
        try:
            farm.quote(model, _PROBE, **still(known[model]))
        except FarmProblem as problem:
            faults.append(Fault("--offer", f"{model} renders no picture from a prompt alone: {problem}"))
    if faults:
        raise InvalidRequest(faults, "Not all that is offered can be rendered.")
    return {model: known[model] for model in sorted(set(offers.values()))}


def still(model: Model) -> JobFields:
    """What a request needs besides so that the model gives a picture: of one that makes clips, one frame."""
    return {"num_frames": 1} if "num_frames" in model.defaults else {}


def most_pixels(models: Iterable[Model]) -> int:
    """The pixels up to which every model has a size: the Horde knows one limit for all that a worker offers."""
    return min(max(width * height for width, height in model.sizes) for model in models)


def served(offers: Mapping[str, str], pools: Iterable[Pool]) -> list[str]:
    """The names whose models somebody renders now: a pool that is not paused has workers, or gets them by itself."""
    ready = {pool.model for pool in pools if not pool.paused and (pool.workers or pool.scaling is not None)}
    return sorted(name for name, model in offers.items() if model in ready)
