"""Inputs of nodes as they are asked for: by kind, with what is missing or wrong put into the report."""

from dataclasses import dataclass
from typing import TypeVar

from farm.comfyui.report import Report
from farm.comfyui.workflow.graph import Graph, Link, Node
from farm.comfyui.workflow.values import Unknown, made_by, value_of
from farm.params.request.submission import shown

V = TypeVar("V", int, float, str)
_WORDS = {int: "whole number", float: "number", str: "text"}


@dataclass(frozen=True)
class Reading:
    """A graph, and the report on it."""

    graph: Graph
    report: Report

    def source(self, node: Node, name: str, *, needed: bool = True) -> tuple[Node, int] | None:
        """The node, and which of its outputs, that makes an input; None: there is none, which is a fault if needed."""
        try:
            made = made_by(self.graph, node.inputs.get(name))
        except Unknown as unknown:
            self.report.refuse(unknown.node or node, f"{name}: {unknown.why}")
            return None
        if isinstance(made, Link):
            return self.graph.nodes[made.node], made.slot
        if needed:
            self.report.refuse(node, f"nothing leads to its input {name!r} (is what should be muted?)")
        return None

    def value(self, node: Node, name: str, kind: type[V], field: str = "") -> V | None:
        """The value of an input; None, and a fault, if it has none of the kind. `field`: of the request it would be."""
        try:
            value = value_of(self.graph, node, name)
        except Unknown as unknown:
            where = f" (for {node}, {name})" if unknown.node not in (None, node) else f" ({name})"
            self.report.refuse(unknown.node or node, unknown.why + where, field)
            return None
        if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
            return kind(round(float(value), 9))  # sliders of the browser give 5.000000000000001
        if kind is int and isinstance(value, float) and value.is_integer():
            return kind(value)
        if isinstance(value, kind) and not isinstance(value, bool):
            return value
        self.report.refuse(node, f"{name} is {shown(value)}, which is no {_WORDS[kind]}", field)
        return None
