"""Where a node stands: in the outermost graph, or in one use of a subgraph, with the values given to that use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from farm.comfyui.workflow.graph import NotAWorkflow
from farm.comfyui.workflow.ui_format import INPUTS, Canvas, CanvasLink, CanvasNode, Subgraph, Workflow
from farm.comfyui.workflow.virtual import SET, name_of


@dataclass(frozen=True)
class Scope:
    """A graph in one of its uses. `user` is the node of the scope around it that it is the inside of."""

    canvas: Canvas
    definitions: Mapping[str, Subgraph]
    around: Scope | None = None
    user: CanvasNode | None = None

    @cached_property
    def nodes(self) -> dict[str, CanvasNode]:
        """The nodes by their ids."""
        return {node.id: node for node in self.canvas.nodes}

    @cached_property
    def links(self) -> dict[int, CanvasLink]:
        """The links by their ids."""
        return {link.id: link for link in self.canvas.links}

    @cached_property
    def setters(self) -> dict[str, CanvasNode]:
        """The nodes that set something for GetNodes, by its name; of several the first."""
        nodes = [node for node in self.canvas.nodes if node.type == SET and node.inputs]
        return {name_of(node): node for node in reversed(nodes)}

    @cached_property
    def path(self) -> str:
        """'128:7:' for what is inside node 7 of what is inside node 128; '' outermost."""
        return "" if self.around is None or self.user is None else f"{self.around.path}{self.user.id}:"

    @property
    def subgraph(self) -> Subgraph:
        """The definition that this is a use of."""
        assert isinstance(self.canvas, Subgraph)
        return self.canvas

    def path_of(self, node: CanvasNode) -> str:
        """The id of a node in the graph that runs."""
        return f"{self.path}{node.id}"

    def link(self, id_: int, node: CanvasNode) -> CanvasLink:
        """A link by its id. Raises NotAWorkflow, naming the node that has it."""
        try:
            return self.links[id_]
        except KeyError:
            raise NotAWorkflow(f"Node {self.path_of(node)} {node.type} names link {id_}, which is nowhere.") from None

    def inside(self, node: CanvasNode) -> Scope | None:
        """The inside of a node that is a subgraph; None of any other. Raises NotAWorkflow: it is inside itself."""
        subgraph = self.definitions.get(node.type)
        if subgraph is None:
            return None
        above: Scope | None = self
        while above is not None:
            if above.canvas is subgraph:
                raise NotAWorkflow(f"The subgraph “{subgraph.name}” (node {self.path_of(node)}) is inside itself.")
            above = above.around
        return Scope(subgraph, self.definitions, self, node)

    @cached_property
    def given_by_input(self) -> dict[str, Any]:
        """The values that this use of a subgraph has for inputs that no link leads to, by the inputs' names.

        Written today in the order of those inputs that lead to a widget; before (`proxyWidgets`) in an order of its
        own; and what an update of ComfyUI could not place is kept, and goes before both.
        """
        assert self.user is not None
        values = self.user.widgets_values if isinstance(self.user.widgets_values, list) else []
        if _proxied(self.user):
            found = {name: value for (inner, name), value in self._by_proxy.items() if inner == "-1"}
        else:
            found = dict(zip(self._slots_of_widgets(), values, strict=False))
        for kept in _listed(self.user, "proxyWidgetErrorQuarantine"):
            match kept:
                case {"originalEntry": ["-1", str(name)], "hostValue": value}:
                    found[name] = value
        return found

    def promoted_widgets(self, node: CanvasNode) -> dict[str, Any]:
        """The values that this use of a subgraph gives to widgets of a node in it directly."""
        return {name: value for (inner, name), value in self._by_proxy.items() if inner == node.id}

    @cached_property
    def _by_proxy(self) -> dict[tuple[str, str], Any]:
        if self.user is None or not isinstance(self.user.widgets_values, list):
            return {}
        pairs = zip(_proxied(self.user), self.user.widgets_values, strict=False)
        return {pair: value for pair, value in pairs if value is not None}

    def _slots_of_widgets(self) -> list[str]:
        return [slot.name for slot in self.subgraph.inputs if any(map(self._leads_to_widget, slot.linkIds))]

    def _leads_to_widget(self, link_id: int) -> bool:
        link = self.links.get(link_id)
        target = self.nodes.get(link.target_id) if link is not None and link.origin_id == INPUTS else None
        if link is None or target is None or not 0 <= link.target_slot < len(target.inputs):
            return False
        return target.inputs[link.target_slot].widget is not None


def outermost(workflow: Workflow) -> Scope:
    """The scope of a whole file."""
    return Scope(workflow, {each.id: each for each in workflow.definitions.subgraphs})


def _proxied(user: CanvasNode) -> list[tuple[str, str]]:
    pairs = _listed(user, "proxyWidgets")
    return [(str(pair[0]), str(pair[1])) for pair in pairs if isinstance(pair, list) and len(pair) >= 2]


def _listed(node: CanvasNode, name: str) -> list[Any]:
    value = node.properties.get(name)
    return value if isinstance(value, list) else []
