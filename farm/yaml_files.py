"""YAML files that people write, read with the line of every key, so that faults can say where."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from farm.errors import Fault

#: The parser in C where PyYAML was built with it, ten times as fast.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class YamlFile:
    """What a file says: its values, and the line (from 1) of each key, by dotted path."""

    path: Path
    values: dict[str, Any]
    lines: dict[str, int]

    def place(self, key: str) -> str:
        """'FILE:LINE' of a dotted key, or of the nearest key above it."""
        while key and key not in self.lines:
            key = key.rpartition(".")[0]
        return f"{self.path}:{self.lines.get(key, 1)}"


class FaultyYaml(Exception):
    """The file cannot be read as one mapping; `faults` says why, for whoever gathers them."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("; ".join(map(str, faults)))
        self.faults = faults


def read_yaml(path: Path) -> YamlFile:
    """Read one YAML file; an empty file is an empty mapping.

    Raises:
        FaultyYaml: not there, not YAML, not a mapping, or a key twice in one mapping.
    """
    try:
        text = path.read_text(encoding="utf-8")
        loader = _Loader(text)
        node = loader.get_single_node()
        values = None if node is None else loader.construct_document(node)
        found = list(_keys(node, "")) if isinstance(node, yaml.MappingNode) else []
    except OSError as error:
        raise FaultyYaml([Fault(str(path), f"the file cannot be read: {error.strerror}")]) from None
    except UnicodeDecodeError as error:
        raise FaultyYaml([Fault(str(path), f"the file is not UTF-8 text (byte {error.start})")]) from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise FaultyYaml([Fault(f"{path}:{line}", f"not YAML: {error.problem}")]) from None
    except (yaml.YAMLError, RecursionError) as error:
        raise FaultyYaml([Fault(str(path), f"not YAML: {error}")]) from None
    if values is None:
        return YamlFile(path, {}, {})
    if not isinstance(values, dict):
        raise FaultyYaml([Fault(f"{path}:1", "the file must hold keys and values, not one value or a list")])
    faults: list[Fault] = []
    lines: dict[str, int] = {}
    for key, line in found:
        if key in lines:
            faults.append(Fault(f"{path}:{line}", f"{key!r} is also in line {lines[key]}; keep one"))
        lines.setdefault(key, line)
    if faults:
        raise FaultyYaml(faults)
    return YamlFile(path, values, lines)


def _keys(node: yaml.MappingNode, above: str) -> Iterator[tuple[str, int]]:
    for key_node, value_node in node.value:
        key = f"{above}.{key_node.value}" if above else str(key_node.value)
        yield key, key_node.start_mark.line + 1
        if isinstance(value_node, yaml.MappingNode):
            yield from _keys(value_node, key)
