"""ComfyUI as far as our nodes see it: it loads the folder, hands in what is on the widgets, shows progress, interrupts.

ComfyUI is no package that could be installed here. What it promises is taken from its source: `nodes.load_custom_node`,
`execution.get_input_data`, `comfy.utils.ProgressBar` and `comfy.model_management`.
"""

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

NODES = Path(__file__).parents[3] / "deploy" / "comfyui"


class InterruptProcessingException(Exception):
    """As ComfyUI's of this name."""


class ComfyUI:
    """`shown`: what its progress bars were told, value, total and preview."""

    def __init__(self) -> None:
        self.shown: list[tuple[int, int, Any]] = []
        self.interrupted = False
        self.nodes: dict[str, Any] = {}
        self.titles: dict[str, str] = {}

    def defaults(self, name: str) -> dict[str, Any]:
        """What is on a new node's widgets."""
        return {
            field: declared[1]["default"] if len(declared) > 1 and "default" in declared[1] else declared[0][0]
            for field, declared in self.nodes[name].INPUT_TYPES()["required"].items()
        }

    def run(self, name: str, /, **inputs: Any) -> tuple[Any, ...]:
        """The outputs of a node, with its defaults but for these inputs."""
        node = self.nodes[name]
        declared = node.INPUT_TYPES()
        assert inputs.keys() <= {*declared["required"], *declared.get("optional", {})}
        outputs = getattr(node(), node.FUNCTION)(**{**self.defaults(name), **inputs})
        assert len(outputs) == len(node.RETURN_TYPES) == len(node.RETURN_NAMES)
        return tuple(outputs)

    def throw_exception_if_processing_interrupted(self) -> None:
        if self.interrupted:
            self.interrupted = False
            raise InterruptProcessingException


@contextmanager
def comfyui_running() -> Iterator[ComfyUI]:
    """ComfyUI with our folder in its `custom_nodes`."""
    comfyui = ComfyUI()

    class ProgressBar:
        def __init__(self, total: int, node_id: str | None = None) -> None:
            self.total = total

        def update_absolute(self, value: int, total: int | None = None, preview: Any = None) -> None:
            self.total = self.total if total is None else total
            comfyui.throw_exception_if_processing_interrupted()  # as the hook of its server does
            comfyui.shown.append((min(value, self.total), self.total, preview))

    modules = {name: ModuleType(name) for name in ("comfy", "comfy.utils", "comfy.model_management")}
    modules["comfy"].utils = modules["comfy.utils"]  # type: ignore[attr-defined]
    modules["comfy"].model_management = modules["comfy.model_management"]  # type: ignore[attr-defined]
    modules["comfy.utils"].ProgressBar = ProgressBar  # type: ignore[attr-defined]
    throw = comfyui.throw_exception_if_processing_interrupted
    modules["comfy.model_management"].throw_exception_if_processing_interrupted = throw  # type: ignore[attr-defined]
    before = set(sys.modules)
    sys.modules.update(modules)
    # A name that is no identifier, as ComfyUI gives it.
    name = str(NODES).replace(".", "_x_")
    try:
        spec = importlib.util.spec_from_file_location(name, NODES / "__init__.py")
        assert spec is not None
        assert spec.loader is not None
        package = importlib.util.module_from_spec(spec)
        sys.modules[name] = package
        spec.loader.exec_module(package)
        comfyui.nodes, comfyui.titles = package.NODE_CLASS_MAPPINGS, package.NODE_DISPLAY_NAME_MAPPINGS
        yield comfyui
    finally:
        for loaded in [loaded for loaded in sys.modules if loaded in modules or loaded.startswith(name)]:
            if loaded not in before:
                del sys.modules[loaded]
