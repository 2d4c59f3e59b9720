"""Which parameters a family has, and how its requests are checked."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any

from farm.errors import UnknownFamily
from farm.nearest import did_you_mean
from farm.params.base import RenderParameters, SanaParameters, SprintParameters, WanParameters
from farm.params.door import Door
from farm.params.sana import sana_parameters
from farm.params.sprint import sprint_parameters
from farm.params.wan import wan_parameters

#: A plugin's family brings its door as an entry point of the same name, a `Family`.
ENTRY_POINTS = "latent_farm.parameters"


@dataclass(frozen=True)
class Family:
    """How one kind of model checks a request, and what its renders carry.

    `check` gives all parameters but `family`, `prompt`, `seed`, `max_sequence_length` and `deterministic`, and adds
    what is wrong to the door's faults.
    """

    parameters: type[RenderParameters]
    check: Callable[[Door], dict[str, Any]]


FAMILIES: Mapping[str, Family] = {
    "sana": Family(SanaParameters, sana_parameters),
    "sprint": Family(SprintParameters, sprint_parameters),
    "wan": Family(WanParameters, wan_parameters),
}


def family_named(name: str) -> Family:
    """The family of that name, ours or a plugin's.

    Raises:
        UnknownFamily: nobody brings its door.
    """
    if name in FAMILIES:
        return FAMILIES[name]
    for entry_point in entry_points(group=ENTRY_POINTS, name=name):
        family: Family = entry_point.load()
        return family
    raise UnknownFamily(f"no installed package knows the parameters of {name!r}; {did_you_mean(name, FAMILIES)}")
