"""Layers become plain values: `extends` first, then `${…}`; OmegaConf merges and substitutes.

A model's own values stand over those of what it extends, the last of several parents over the first. Mappings
merge key by key, lists and single values are replaced, higher layers win.
"""

from collections.abc import Mapping
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from farm.catalog.layers import ENTRIES, Layer
from farm.did_you_mean import did_you_mean
from farm.errors import Fault
from farm.settings import PREFIX, Settings

#: What OmegaConf raises on values that do not fit together.
MERGE_ERRORS = (OmegaConfBaseException, TypeError, ValueError, RecursionError)
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
    def _own(self, section: str) -> dict[str, DictConfig]:
        own: dict[str, DictConfig] = {}
        for layer in self._layers:
            for key, values in layer.values.get(section, {}).items():
                name = str(key)
                if "name" in values:
                    place = layer.place((section, name, "name"))
                    text = f"the name is the key above it, {name!r}; remove this one"
                    self.faults.append(Fault(f"{place}: {section}.{name}.name", text))
                try:
                    above = OmegaConf.create(values)
                    own[name] = OmegaConf.merge(own[name], above) if name in own else above  # type: ignore[assignment]
                except MERGE_ERRORS as error:
                    place = layer.place((section, name))
                    self.faults.append(Fault(f"{place}: {section}.{name}", _first_line(error)))
        return own

    # 2. `extends`: parents below, in their order, then the entry itself.
    def _inherit(self, section: str) -> dict[str, DictConfig]:
        own = self._own(section)
        self.names[section] = {name for name, entry in own.items() if _as_written(entry).get("abstract") is not True}
        whole: dict[str, DictConfig] = {}
        circles: set[str] = set()  # members of circles that are already listed

        def inherit(name: str, way: tuple[str, ...]) -> DictConfig | None:
            if name in way:
                circle = way[way.index(name) :]
                if not circles & set(circle):
                    self._fault(section, way[-1], f"extends goes in a circle: {' → '.join((*circle, name))}")
                circles.update(circle)
                return None
            if name not in whole:
                family = [name]
                below: list[DictConfig] = []
                steering = _as_written(own[name])
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
                    whole[name] = OmegaConf.merge(*below, own[name], about)  # type: ignore[assignment]
                except MERGE_ERRORS as error:
                    self._fault(section, name, _first_line(error))
                    return None
            return whole[name]

        for name in own:
            inherit(name, ())
        return whole

    # 3. `${…}`, in the entries that are used: an abstract parent may refer to what its children bring.
    def _substitute(self, sections: dict[str, dict[str, DictConfig]]) -> dict[str, dict[str, Any]]:
        for name in ("farm.env", "oc.env"):  # OmegaConf's own would hand out secrets
            OmegaConf.register_resolver(name, self._environment_value, replace=True)
        # Entries are put into the root as they are; copying them is most of the time.
        root = OmegaConf.create({"variables": {}, **sections}, flags={"no_deepcopy_set_nodes": True})
        for layer in self._layers:
            root.variables = OmegaConf.merge(root.variables, layer.values.get("variables", {}))
        result: dict[str, dict[str, Any]] = {}
        for section, entries in sections.items():
            result[section] = {}
            for name, entry in entries.items():
                if entry.get("abstract"):
                    continue
                try:
                    values = OmegaConf.to_container(root[section][name], resolve=True)
                except MERGE_ERRORS as error:
                    self._fault(section, name, _first_line(error))
                    continue
                assert isinstance(values, dict)
                result[section][str(name)] = {str(key): value for key, value in values.items() if key not in STEERING}
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


def _as_written(entry: DictConfig) -> dict[str, Any]:
    """An entry before `${…}`: what steers the merging is taken literally."""
    values = OmegaConf.to_container(entry, resolve=False)
    assert isinstance(values, dict)
    return {str(key): value for key, value in values.items()}


def _first_line(error: Exception) -> str:
    text = (str(error) or type(error).__name__).splitlines()[0]
    if "incompatible container types" in text:
        return "a list stands where what it extends has keys, or the other way round"
    return text
