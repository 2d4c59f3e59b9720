"""What the catalog is made of, lowest first.

The shipped files, the farm's own files, the overlays of the chosen environment, and single values from
variables. Each layer knows where its values came from.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from farm.did_you_mean import did_you_mean
from farm.errors import CatalogError, Fault
from farm.settings_sources import CATALOG_OVERRIDE
from farm.yaml_files import FaultyYaml, YamlFile, read_yaml

SHIPPED = Path(__file__).with_name("models")
#: Sections of entries: each is checked against its schema, may extend others, and may be abstract.
ENTRIES = ("models", "pools", "adapters")
SECTIONS = ("variables", *ENTRIES)
ENVIRONMENTS = "environments"


@dataclass(frozen=True)
class Layer:
    """Values of the sections, and where they stand: a file (under `prefix`) or one variable."""

    values: dict[str, Any]
    file: YamlFile | None = None
    prefix: str = ""
    variable: str = ""

    def holds(self, path: tuple[str, ...]) -> bool:
        """Whether this layer says something at this path."""
        found: Any = self.values
        for key in path:
            if not isinstance(found, dict) or key not in found:
                return False
            found = found[key]
        return True

    def place(self, path: tuple[str, ...]) -> str:
        """'FILE:LINE', with the environment of an overlay, or 'environment variable FARM_CATALOG__…'."""
        if self.file is None:
            return f"environment variable {self.variable}"
        place = self.file.place(self.prefix + ".".join(path))
        return f"{place} ({self.prefix.rstrip('.')})" if self.prefix else place


def read_layers(overlays: list[Path], environment: str | None, variables: Mapping[str, str]) -> list[Layer]:
    """All layers, lowest first.

    Raises:
        CatalogError: files that cannot be read, unknown sections, an unknown environment, variables that name
            nothing.
    """
    faults: list[Fault] = []
    files = _read_files(overlays, faults)
    layers = [Layer(_sections(file.values), file) for file in files]

    known = sorted({name for file in files for name in _environments(file)})
    if environment is not None and environment not in known:
        meant = did_you_mean(environment, known)
        faults.append(Fault("environment", f"no catalog file has an overlay {environment!r}; {meant}"))
    for file in files:
        if environment is not None and environment in _environments(file):
            values = _environments(file)[environment] or {}
            prefix = f"{ENVIRONMENTS}.{environment}."
            faults += _unknown_sections(values, file, prefix)
            layers.append(Layer(_sections(values), file, prefix))

    if faults:
        raise CatalogError(faults)
    layers += _from_variables(layers, variables, faults)
    if faults:
        raise CatalogError(faults)
    return layers


def _read_files(overlays: list[Path], faults: list[Fault]) -> list[YamlFile]:
    paths = sorted(SHIPPED.rglob("*.yaml"))
    for overlay in overlays:
        paths += sorted(overlay.rglob("*.yaml")) if overlay.is_dir() else [overlay]
    files = []
    for path in paths:
        try:
            file = read_yaml(path)
        except FaultyYaml as unreadable:
            faults += unreadable.faults
            continue
        faults += _unknown_sections(file.values, file, "", ENVIRONMENTS)
        files.append(file)
    return files


def _unknown_sections(values: Any, file: YamlFile, prefix: str, *also: str) -> list[Fault]:
    """Faults of a mapping of sections: keys that are none, and sections that hold no mapping."""
    if not isinstance(values, dict):
        name = prefix.rstrip(".")
        return [Fault(f"{file.place(name)}: {name}", f"must hold the sections {', '.join(SECTIONS)}")]
    known = [*SECTIONS, *also]
    faults = []
    for key, value in values.items():
        place = f"{file.place(f'{prefix}{key}')}: {prefix}{key}"
        if key not in known:
            faults.append(Fault(place, f"unknown section; {did_you_mean(str(key), known)}"))
        elif value is not None and not isinstance(value, dict):
            faults.append(Fault(place, f"must hold names and their values; seen {value!r}"))
        elif key in ENTRIES:
            for name, entry in (value or {}).items():
                if not isinstance(entry, dict):
                    faults.append(Fault(f"{place}.{name}", f"must hold keys and values; seen {entry!r}"))
    return faults


def _environments(file: YamlFile) -> dict[str, Any]:
    found = file.values.get(ENVIRONMENTS)
    return found if isinstance(found, dict) else {}


def _sections(values: Any) -> dict[str, Any]:
    if not isinstance(values, dict):
        return {}
    return {section: values[section] for section in SECTIONS if isinstance(values.get(section), dict)}


def _from_variables(layers: list[Layer], variables: Mapping[str, str], faults: list[Fault]) -> list[Layer]:
    """One layer for each FARM_CATALOG__SECTION__NAME__KEY…=value; the value is read as YAML.

    A part of the name stands for the key that is spelt alike when case is dropped and everything but letters
    and digits becomes '_', so that a shell can say SANA_DEMO for 'sana-demo'.
    """
    found = []
    for variable, text in sorted(variables.items()):
        if not variable.startswith(CATALOG_OVERRIDE):
            continue
        where = f"environment variable {variable}"
        parts = variable.removeprefix(CATALOG_OVERRIDE).split("__")
        path, fault = _keys_named(parts, layers)
        if fault:
            faults.append(Fault(where, fault))
            continue
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError:
            faults.append(Fault(where, f"the value is read as YAML, and this is none: {text!r}"))
            continue
        for key in reversed(path):
            value = {key: value}
        found.append(Layer(value, variable=variable))
    return found


def _keys_named(parts: list[str], layers: list[Layer]) -> tuple[list[str], str | None]:
    """The keys that the parts of a variable's name stand for, or what is wrong with them."""
    if len(parts) < 2 or not all(parts):
        return [], f"name a value as {CATALOG_OVERRIDE}MODELS__NAME__KEY (or POOLS, ADAPTERS, VARIABLES)"
    path: list[str] = []
    for depth, part in enumerate(parts):
        known = {key for layer in layers for key in _keys_at(layer.values, path)} if depth else set(SECTIONS)
        alike = sorted(key for key in known if _plain(key) == _plain(part))
        if alike:
            path.append(alike[0])
        elif depth == 0 or (depth == 1 and path[0] != "variables"):
            return [], f"{part!r} names nothing in the catalog; {did_you_mean(part, known)}"
        else:
            path.append(part.lower())  # a key that only a parent has; the schema refuses unknown ones
    if len(path) < 3 and path[0] != "variables":
        return [], f"name one value: {CATALOG_OVERRIDE}{'__'.join(parts)}__KEY"
    return path, None


def _keys_at(values: Any, path: list[str]) -> list[str]:
    for key in path:
        values = values.get(key) if isinstance(values, dict) else None
    return [str(key) for key in values] if isinstance(values, dict) else []


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "_", name.lower())
