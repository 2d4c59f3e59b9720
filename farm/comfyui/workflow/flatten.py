"""The UI format as the graph that runs: subgraphs opened, links followed through all that does not run itself.

The rules are those by which ComfyUI's browser side makes its API format.
"""

from collections.abc import Iterator
from itertools import count

from farm.comfyui.workflow.graph import Graph, Link, Node, NotAWorkflow
from farm.comfyui.workflow.origins import Literal, origin_of
from farm.comfyui.workflow.scopes import Scope, outermost
from farm.comfyui.workflow.ui_format import BYPASSED, MUTED, CanvasNode, Workflow
from farm.comfyui.workflow.virtual import is_virtual
from farm.comfyui.workflow.widgets import named_values

#: Subgraphs inside subgraphs multiply; the largest workflow seen has under 1,000 nodes.
MAX_NODES = 20_000


def flatten(workflow: Workflow) -> Graph:
    """The nodes that run, by their paths. Raises NotAWorkflow: a circle, a missing link, or far too many nodes."""
    nodes: dict[str, Node] = {}
    for scope, node in _running(outermost(workflow), count(1)):
        nodes[scope.path_of(node)] = _resolved(scope, node)
    return Graph(nodes)


def _running(scope: Scope, looked_at: Iterator[int]) -> Iterator[tuple[Scope, CanvasNode]]:
    """Those of a graph and of all in it; the count goes on through them all, also of those that do not run."""
    for node in scope.nodes.values():
        if next(looked_at) > MAX_NODES:
            raise NotAWorkflow(f"Its subgraphs hold more than {MAX_NODES:,} nodes.")
        if node.mode in (MUTED, BYPASSED) or is_virtual(node):
            continue
        inside = scope.inside(node)
        if inside is None:
            yield scope, node
        else:
            yield from _running(inside, looked_at)


def _resolved(scope: Scope, node: CanvasNode) -> Node:
    inputs = named_values(node.type, node.widgets_values) | scope.promoted_widgets(node)
    for socket in node.inputs:
        if socket.link is None:
            continue
        match origin_of(scope, node, socket):
            case Link() as link:
                inputs[socket.name] = link
            case Literal(value):
                inputs[socket.name] = value
    return Node(scope.path_of(node), node.type, node.title or "", inputs)
