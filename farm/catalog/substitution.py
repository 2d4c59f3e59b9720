"""`${…}` in the catalog's entries, by OmegaConf: of the whole catalog, or of as little as an entry speaks of."""

import pickle
import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from functools import cached_property, lru_cache
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

#: Plain values by key, as YAML gives them.
Values = dict[Any, Any]
#: What OmegaConf raises on values that cannot be substituted.
MERGE_ERRORS = (OmegaConfBaseException, TypeError, ValueError, RecursionError)
#: OmegaConf's own resolvers may find nothing without raising; with them everything has to be there.
_MAY_FIND_NOTHING = re.compile(r"\$\{\s*oc\.(?!env:)")
#: A resolver's answer may change from load to load, as the environment does.
_RESOLVER = re.compile(r"\$\{[^{}]*:")
_NAME = re.compile(r"[\w-]+")


class Roots:
    """Merged entries by section and name, and what `${…}` in them may speak of."""

    def __init__(self, variables: Values, sections: Mapping[str, Mapping[str, Values]]) -> None:
        self._variables = variables
        self._sections = sections

    def substituted(self, section: str, name: str) -> Values:
        """The entry's values, each `${…}` replaced. Raises MERGE_ERRORS."""
        entry = self._sections[section][name]
        texts = list(_texts(entry))
        if not texts:
            return deepcopy(entry)
        if not any(map(_MAY_FIND_NOTHING.search, texts)):
            mentioned = {word for text in texts for word in _NAME.findall(text)}
            lean = {key: value for key, value in entry.items() if key in mentioned or any(_texts(value))}
            root = {"variables": self._variables, section: {name: lean}}
            try:
                if any(map(_RESOLVER.search, texts)):
                    return deepcopy(entry) | _resolved(OmegaConf.create(root)[section][name])
                return deepcopy(entry) | deepcopy(_remembered(pickle.dumps(root), section, name))
            except MERGE_ERRORS:
                pass  # it speaks of another entry, or is wrong: the whole catalog knows
        return _resolved(self._whole[section][name])

    @cached_property
    def _whole(self) -> DictConfig:
        return OmegaConf.create({"variables": self._variables, **self._sections})


@lru_cache(maxsize=1_000)
def _remembered(pickled: bytes, section: str, name: str) -> Values:
    """The substituted values of an entry; the shipped ones are the same at every load of a process."""
    return _resolved(OmegaConf.create(pickle.loads(pickled))[section][name])  # noqa: S301 - pickled right here


def _resolved(node: Any) -> Values:
    values = OmegaConf.to_container(node, resolve=True)
    assert isinstance(values, dict)
    return values


def _texts(value: Any) -> Iterator[str]:
    """The texts with `${…}` in a value."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
    elif isinstance(value, str) and "${" in value:
        yield value
