"""The API format (Export (API)): a node by its id, its inputs by their names. The browser has resolved all else."""

from collections.abc import Mapping
from typing import Any

from farm.comfyui.workflow.graph import Graph, Link, Node


def is_api_format(document: Mapping[str, Any]) -> bool:
    """Whether every member is a node of the API format."""
    return bool(document) and all(isinstance(node, dict) and "class_type" in node for node in document.values())


def read_api_format(document: Mapping[str, Any]) -> Graph:
    """The graph of a document for which `is_api_format` holds."""
    return Graph({str(id_): _node(str(id_), node) for id_, node in document.items()})


def _node(id_: str, node: Mapping[str, Any]) -> Node:
    inputs, about = node.get("inputs"), node.get("_meta")
    return Node(
        id_,
        str(node["class_type"]),
        str(about.get("title") or "") if isinstance(about, dict) else "",
        {name: _input(value) for name, value in inputs.items()} if isinstance(inputs, dict) else {},
    )


def _is_slot(slot: int) -> bool:
    return not isinstance(slot, bool) and slot >= 0


def _input(value: Any) -> Any:
    """A list of an id and a number is a link; lists of values come wrapped."""
    match value:
        case [str() | int() as node, int() as slot] if not isinstance(node, bool) and _is_slot(slot):
            return Link(str(node), slot)
        case {"__value__": wrapped}:
            return wrapped
    return value
