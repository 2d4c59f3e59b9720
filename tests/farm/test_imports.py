"""What a package imports, the extra that installs it must bring: another library may cease to bring it along."""

import ast
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
OWN = ("farm", "scheduler", "workers", "dashboard", "migrations")
#: Which extras bring what the files below a path import, the longest path first; all others must do with the core.
EXTRAS = {
    "farm/adapters/catalog_files.py": ["worker"],  # looks into the cache of the Hub, where there is one
    "farm/clips.py": ["worker"],  # `farm.uploads` starts a process that imports it; in `dashboard` too
    "farm/clip_posters.py": ["worker"],  # as farm/clips.py
    "farm/saved_parameters/extraction.py": ["worker"],  # as farm/clips.py
    "farm/verification/similarity.py": ["worker"],  # as farm/clips.py
    "farm/demo/inspection.py": ["worker"],  # looks at clips, where they were rendered
    "farm/commands/outputs/show.py": ["terminal"],
    "farm/commands/top.py": ["terminal"],
    "farm/console/top/top_screen.py": ["terminal"],
    "farm/local/": ["embedded"],
    "farm/error_reports.py": ["sentry"],
    "farm/provenance/": ["credentials"],
    "farm/traces/": ["traces"],
    "farm/openjd/": ["openjd"],
    "farm/mcp/": ["mcp"],
    "farm/gradio_ui/": ["gradio"],
    "scheduler/autoscale/kubernetes.py": ["kubernetes"],
    "scheduler/simulate/results/plots.py": ["simulate"],
    "workers/pipelines/precision.py": ["worker", "quantization"],
    "workers/training/optimizers.py": ["worker", "quantization"],
    "workers/pipelines/gguf_file.py": ["worker", "gguf"],
    "workers/model_files/gguf_header.py": ["worker", "gguf"],
    "workers/agent/telemetry/gpu_metrics.py": ["worker", "nvml"],
    "workers/scoring/set_distance.py": ["worker", "scoring"],
    "workers/": ["worker"],
    "dashboard/oidc.py": ["dashboard", "oidc"],
    "dashboard/": ["dashboard"],
}


PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def declared(extras: list[str]) -> set[str]:
    """The names of the distributions that these extras bring besides the core."""
    texts = [*PROJECT["dependencies"], *(text for name in extras for text in PROJECT["optional-dependencies"][name])]
    return {canonicalize_name(Requirement(text).name) for text in texts}


def imported(path: Path) -> Iterator[str]:
    """The outermost names of all modules that a file imports, anywhere in it, but for type checkers only."""
    waiting: list[ast.AST] = [ast.parse(path.read_text())]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            waiting += node.orelse
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]
        waiting += ast.iter_child_nodes(node)


@pytest.mark.parametrize("package", OWN)
def test_every_import_is_declared_where_it_is_used(package: str) -> None:
    providers = packages_distributions()
    undeclared = set()
    for path in (ROOT / package).rglob("*.py"):
        place = str(path.relative_to(ROOT))
        extras = next((extras for prefix, extras in EXTRAS.items() if place.startswith(prefix)), [])
        for name in set(imported(path)) - set(sys.stdlib_module_names) - set(OWN):
            brought_by = {canonicalize_name(found) for found in providers.get(name, [name])}
            if not brought_by & declared(extras):
                undeclared.add(f"{place}: {name} (of {', '.join(brought_by) or 'nobody'})")
    assert not undeclared
