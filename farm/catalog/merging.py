"""Layers become plain values: `extends` first, then `${…}`, which OmegaConf substitutes.

A model's own values stand over those of what it extends, the last of several parents over the first. Mappings
merge key by key, lists and single values are replaced, higher layers win. Every process and every command begins with
this, so values stay plain, and OmegaConf gets what `${…}` may speak of: its nodes are 0.2 ms each, of 2,500 values.
"""

from collections.abc import Mapping
from functools import reduce
from typing import Any

import yaml
from omegaconf import OmegaConf

from farm.catalog.layers import ENTRIES, Layer
from farm.catalog.substitution import MERGE_ERRORS, Roots, Values
from farm.did_you_mean import did_you_mean
from farm.errors import Fault
from farm.settings import Settings
from farm.settings_sources import PREFIX

#: Keys of an entry that steer the merging and are no part of the result.
STEERING = ("extends", "abstract")


class Merged:
    """The merged catalog: plain values by section and name, and where each value came from."""

    def __init__(self, layers: list[Layer], variables: Mapping[str, str]) -> None:
        self._layers = layers
        self._variables = variables
        self.faults: list[Fault] = []
        #: The entries that are meant to be used (not abstract), faulty ones too.
        self.names: dict[str, set[str]] = {}
        self._families: dict[tuple[str, str], list[str]] = {}
        self.values = self._substitute({section: self._inherit(section) for section in ENTRIES})

    def origin(self, path: tuple[str, ...]) -> str:
        """Where the value at ('models', NAME, KEY, …) came from; 'default' when nothing says it."""
        section, name, rest = path[0], path[1], path[2:]
        for ancestor in self._families.get((section, name), [name]):
            for layer in reversed(self._layers):
                if layer.holds((section, ancestor, *rest)):
                    place = layer.place((section, ancestor, *rest))
                    return place if ancestor == name else f"{place} (through {ancestor!r})"
        return "default"

    def place(self, path: tuple[str, ...]) -> str:
        """Like `origin`, but of the nearest thing above that was written somewhere: for faults."""
        while len(path) > 2 and self.origin(path) == "default":
            path = path[:-1]
        return self.origin(path)

    # 1. Own values of each entry, over all layers.
    def _own(self, section: str) -> dict[str, Values]:
        own: dict[str, Values] = {}
        for layer in self._layers:
            for key, values in layer.values.get(section, {}).items():
                name = str(key)
                if "name" in values:
                    place = layer.place((section, name, "name"))
                    text = f"the name is the key above it, {name!r}; remove this one"
                    self.faults.append(Fault(f"{place}: {section}.{name}.name", text))
                try:
                    own[name] = _merged(own.get(name, {}), values)
                except ValueError as error:
                    place = layer.place((section, name))
                    self.faults.append(Fault(f"{place}: {section}.{name}", _first_line(error)))
        return own

    # 2. `extends`: parents below, in their order, then the entry itself.
    def _inherit(self, section: str) -> dict[str, Values]:
        own = self._own(section)
        self.names[section] = {name for name, entry in own.items() if entry.get("abstract") is not True}
        whole: dict[str, Values] = {}
        circles: set[str] = set()  # members of circles that are already listed

        def inherit(name: str, way: tuple[str, ...]) -> Values | None:
            if name in way:
                circle = way[way.index(name) :]
                if not circles & set(circle):
                    self._fault(section, way[-1], f"extends goes in a circle: {' → '.join((*circle, name))}")
                circles.update(circle)
                return None
            if name not in whole:
                family = [name]
                below: list[Values] = []
                steering = own[name]
                if not isinstance(steering.get("abstract", False), bool):
                    self._fault(section, name, f"abstract must be true or false; seen {steering['abstract']!r}")
                for parent in _as_names(steering.get("extends")):
                    if parent not in own:
                        self._fault(section, name, f"extends {parent!r}: unknown; {did_you_mean(parent, own)}")
                        return None
                    inherited = inherit(parent, (*way, name))
                    if inherited is None:
                        return None
                    below.append(inherited)
                    family = [name, *self._families[section, parent], *family[1:]]
                self._families[section, name] = family
                # `abstract` is not inherited.
                about = {"name": name, "abstract": steering.get("abstract") is True}
                try:
                    whole[name] = reduce(_merged, (*below, own[name], about))
                except ValueError as error:
                    self._fault(section, name, _first_line(error))
                    return None
            return whole[name]

        for name in own:
            inherit(name, ())
        return whole

    # 3. `${…}`, in the entries that are used: an abstract parent may refer to what its children bring.
    def _substitute(self, sections: dict[str, dict[str, Values]]) -> dict[str, dict[str, Values]]:
        for name in ("farm.env", "oc.env"):  # OmegaConf's own would hand out secrets
            OmegaConf.register_resolver(name, self._environment_value, replace=True)
        variables: Values = reduce(_merged, (layer.values.get("variables", {}) for layer in self._layers), {})
        roots = Roots(variables, sections)
        result: dict[str, dict[str, Values]] = {}
        for section, entries in sections.items():
            result[section] = {}
            for name, entry in entries.items():
                if entry["abstract"]:
                    continue
                try:
                    values = roots.substituted(section, name)
                except MERGE_ERRORS as error:
                    self._fault(section, name, _first_line(error))
                    continue
                result[section][name] = {str(key): value for key, value in values.items() if key not in STEERING}
        return result

    def _environment_value(self, name: str, *default: Any) -> Any:
        """`${farm.env:NAME}` or `${farm.env:NAME,default}`; the value is read as YAML, so 8 is a number."""
        setting = name.removeprefix(PREFIX).lower()
        if name.startswith(PREFIX) and setting in Settings.SECRETS:
            raise ValueError(f"{name} is a secret and must not stand in the catalog, which everybody can read")
        if name in self._variables:
            return yaml.safe_load(self._variables[name])
        if default:
            return default[0]
        raise ValueError(f"environment variable {name} is not set; set it, or write ${{farm.env:{name},DEFAULT}}")

    def _fault(self, section: str, name: str, message: str) -> None:
        place = self.place((section, name))
        self.faults.append(Fault(f"{place}: {section}.{name}", message))


def _as_names(extends: Any) -> list[str]:
    if extends is None:
        return []
    return [str(parent) for parent in extends] if isinstance(extends, list) else [str(extends)]


def _merged(below: Mapping[Any, Any], above: Mapping[Any, Any]) -> Values:
    """Values over others, key by key; neither is changed. Raises ValueError."""
    found = dict(below)
    for key, value in above.items():
        known = found.get(key)
        if isinstance(known, dict) and isinstance(value, dict):
            found[key] = _merged(known, value)
        elif {type(known), type(value)} == {dict, list}:
            raise ValueError("a list stands where what it extends has keys, or the other way round")
        else:
            found[key] = value
    return found


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
