"""A resolved graph: the nodes that would run, each with a value or a link for every input, and nothing in between."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from farm.errors import FarmError, Fault


@dataclass(frozen=True)
class Link:
    """An output of a node."""

    node: str
    slot: int


@dataclass(frozen=True)
class Node:
    """A node as ComfyUI runs it. Inside subgraphs, ids are paths as in ComfyUI's own exports: '128:74'."""

    id: str
    kind: str  # ComfyUI's class_type
    title: str = ""
    inputs: Mapping[str, Any] = field(default_factory=dict)  # a Link, or a value of JSON

    def __str__(self) -> str:
        titled = f" “{self.title}”" if self.title and self.title != self.kind else ""
        return f"node {self.id} {self.kind}{titled}"


@dataclass(frozen=True)
class Graph:
    """Nodes by their ids. `known`: what outputs are, once it has been found out."""

    nodes: Mapping[str, Node]
    known: dict[Link, Any] = field(default_factory=dict, repr=False, compare=False)


class NotAWorkflow(FarmError):
    """The file is no workflow that ComfyUI exports; export it again, with Export or Export (API)."""

    type = "not-a-workflow"
    title = "This is no workflow of ComfyUI"
    status = 422


class CannotRender(FarmError):
    """The farm cannot render this graph as ComfyUI would; each reason names a node."""

    type = "cannot-render-graph"
    title = "The farm cannot render this graph"
    status = 422

    def __init__(self, reasons: list[Fault]) -> None:
        super().__init__("The farm cannot render this graph as ComfyUI would:", reasons)
