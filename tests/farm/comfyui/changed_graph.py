"""A graph in the API format, translated with changes."""

import json
from collections.abc import Mapping
from typing import Any

from farm.comfyui.translate import Translated, translate
from farm.comfyui.workflow.workflow_file import read_workflow

Graph = dict[str, dict[str, Any]]


def read_changed(
    graph: Graph, changes: Mapping[str, dict[str, Any]] | None = None, settled: set[str] | None = None
) -> Translated:
    """The graph with changed inputs of some nodes, or whole nodes where a class is given."""
    changed = json.loads(json.dumps(graph))
    for id_, change in (changes or {}).items():
        if "class_type" in change:
            changed[id_] = change
        else:
            changed[id_]["inputs"] |= change
    return translate(read_workflow(json.dumps(changed)), settled or set())
