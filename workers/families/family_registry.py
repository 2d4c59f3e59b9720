"""The family of a model, found by its name among the entry points `latent_farm.families`."""

from functools import cache
from importlib.metadata import entry_points

from workers.families.base import Family

GROUP = "latent_farm.families"


class UnknownFamily(LookupError):
    """No installed package brings a family of this name."""


@cache  # to look through all that is installed takes longer than to make a track
def find_family(name: str) -> type[Family]:
    """The family class of that name. Raises UnknownFamily, which lists those that are installed."""
    found = {point.name: point for point in entry_points(group=GROUP)}
    if name not in found:
        raise UnknownFamily(
            f"no installed package brings family '{name}'; installed: {', '.join(sorted(found)) or 'none'}"
        )
    family = found[name].load()
    if not (isinstance(family, type) and issubclass(family, Family)):
        raise UnknownFamily(f"the entry point '{name}' of {GROUP} is no Family: {found[name].value}")
    return family
