"""Which files of a model are read: by their names alone, so that it can be said before anything is fetched.

safetensors hold numbers and nothing else. A pickled file can run code as it is read; it is chosen only where the
catalog says so, and only for a component that has no safetensors.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from types import MappingProxyType

INDEX = "model_index.json"
SAFE, PICKLED, GGUF = ".safetensors", ".bin", ".gguf"
#: Configurations, tokenizers and chat templates. Code (.py) is never among them.
_TEXTS = (".json", ".txt", ".model", ".jinja")


@dataclass(frozen=True)
class Selection:
    """Paths inside the model's folder, with '/'."""

    weights: list[str]
    texts: list[str]
    refused: list[str]  # pickled weights of components that have no others

    @property
    def paths(self) -> list[str]:
        return [*self.texts, *self.weights]


def component_names(index: Mapping[str, object]) -> list[str]:
    """Names of the parts of a pipeline: those that `model_index.json` gives a class."""
    return [
        name
        for name, value in index.items()
        # They are names of arguments; the index comes from whoever wrote the model, and names become folders.
        if name.isidentifier() and not name.startswith("_") and isinstance(value, list) and value and value[0]
    ]


def select(
    paths: Iterable[str],
    index: Mapping[str, object],
    variant: str | None = None,
    *,
    pickle: bool = False,
    single_file: Mapping[str, str] = MappingProxyType({}),
) -> Selection:
    """Of all paths of a model, those that loading reads; of weights the `variant` where a component has it.

    `single_file` names the one file of a component's weights, whether it is among the paths or not.
    """
    by_component: dict[str, list[str]] = {name: [] for name in component_names(index)}
    for path in sorted(paths):
        component, *inside = PurePosixPath(path).parts
        if component in by_component and inside and ".." not in inside:
            by_component[component].append(path)
    chosen = Selection([], [INDEX], [])
    for component, there in by_component.items():
        chosen.texts.extend(path for path in there if path.endswith(_TEXTS))
        if component in single_file:
            chosen.weights.append(single_file[component])
            continue
        safe = _of_variant([path for path in there if path.endswith(SAFE)], variant)
        pickled = _of_variant([path for path in there if path.endswith(PICKLED)], variant)
        if safe or pickle:
            chosen.weights.extend(safe or pickled)
        else:
            chosen.refused.extend(pickled)
    return chosen


def _of_variant(paths: list[str], variant: str | None) -> list[str]:
    """`model.bf16.safetensors` and its shards for variant 'bf16', or those without any when there is none."""
    names = {path: PurePosixPath(path).name for path in paths}
    if variant is not None:
        chosen = [path for path, name in names.items() if f".{variant}." in name or f".{variant}-" in name]
        if chosen:
            return chosen
    return [path for path, name in names.items() if name.count(".") == 1]
