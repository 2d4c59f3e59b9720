"""What an input gets in the end: switches chosen, primitives read, arithmetic done."""

from collections.abc import Callable, Mapping
from typing import Any

from farm.comfyui.workflow.expressions import MAX_NUMBER, evaluate
from farm.comfyui.workflow.graph import Graph, Link, Node
from farm.params.request.submission import shown

_SWITCHES = frozenset({"ComfySwitchNode", "ComfySoftSwitchNode"})
_PRIMITIVES = frozenset(
    {"PrimitiveInt", "PrimitiveFloat", "PrimitiveBoolean", "PrimitiveString", "PrimitiveStringMultiline"}
)
MAX_CHAIN = 200
#: Nodes that join a text to itself, twenty one behind the other, would make a million of it.
MAX_TEXT = 1_000_000


class Unknown(Exception):
    """A value that only ComfyUI can make; `node` makes it (None: nothing does), and `why` says so."""

    def __init__(self, node: Node | None, why: str) -> None:
        super().__init__(why)
        self.node, self.why = node, why


def made_by(graph: Graph, given: Any, chain: int = 0) -> Any:
    """A Link to the node that makes what an input takes, past all switches; or the value itself.

    Raises Unknown.
    """
    while isinstance(given, Link):
        node = graph.nodes.get(given.node)
        if node is None:
            raise Unknown(None, f"node {given.node} is not in the graph: muted, or left out")
        if chain > MAX_CHAIN:
            raise Unknown(node, "its links lead in a circle")
        if node.kind not in _SWITCHES:
            return given
        chain += 1
        given = _chosen(graph, node, chain)
    return given


def _chosen(graph: Graph, node: Node, chain: int) -> Any:
    sides = [side for side in ("on_false", "on_true") if side in node.inputs]
    if node.kind == "ComfySoftSwitchNode" and len(sides) == 1:
        return node.inputs[sides[0]]
    return node.inputs.get("on_true" if value_of(graph, node, "switch", chain) else "on_false")


def value_of(graph: Graph, node: Node, name: str, chain: int = 0) -> Any:
    """The value of an input; None: it has none. Raises Unknown."""
    given = made_by(graph, node.inputs.get(name), chain)
    if isinstance(given, Link):
        # Once, however many inputs take it: else the ways to it are counted in powers of two.
        if given not in graph.known:
            graph.known[given] = _computed(graph, given, chain + 1)
        given = graph.known[given]
    if isinstance(given, str) and len(given) > MAX_TEXT:
        raise Unknown(node, f"is a text of {len(given):,} characters; {MAX_TEXT:,} are read")
    if isinstance(given, int | float) and not -MAX_NUMBER <= given <= MAX_NUMBER:
        raise Unknown(node, "is no number that a node takes")
    return given


def _computed(graph: Graph, link: Link, chain: int) -> Any:
    node = graph.nodes[link.node]
    if chain > MAX_CHAIN:
        raise Unknown(node, "its links lead in a circle")
    if node.kind in _PRIMITIVES:
        return value_of(graph, node, "value", chain)
    try:
        compute = _COMPUTED[node.kind]
    except KeyError:
        raise Unknown(node, "what it makes is not known before ComfyUI runs it") from None
    return compute(graph, node, link.slot, chain)


def _mathematics(graph: Graph, node: Node, slot: int, chain: int) -> Any:
    """Outputs: FLOAT, INT, BOOL."""
    variables = {
        name.removeprefix("values."): value_of(graph, node, name, chain)
        for name in node.inputs
        if name.startswith("values.")
    }
    try:
        return _as_number(evaluate(str(value_of(graph, node, "expression", chain)), variables), slot)
    except ValueError as error:
        raise Unknown(node, str(error)) from None


def _number(graph: Graph, node: Node, slot: int, chain: int) -> Any:
    """Outputs: FLOAT, INT."""
    value = value_of(graph, node, "value", chain)
    try:
        return _as_number(float(value), slot)
    except (TypeError, ValueError, OverflowError):
        raise Unknown(node, f"{shown(value)} is no number") from None


def _as_number(value: float, slot: int) -> Any:
    kinds: tuple[Callable[[float], Any], ...] = (float, int, bool)
    return kinds[max(0, min(slot, 2))](value)


def _joined(graph: Graph, node: Node, slot: int, chain: int) -> str:
    first, second, between = (
        value_of(graph, node, name, chain) or "" for name in ("string_a", "string_b", "delimiter")
    )
    return f"{first}{between}{second}"


_COMPUTED: Mapping[str, Callable[[Graph, Node, int, int], Any]] = {
    "ComfyMathExpression": _mathematics,
    "ComfyNumberConvert": _number,
    "ComfyNotNode": lambda graph, node, slot, chain: not value_of(graph, node, "value", chain),
    "InvertBooleanNode": lambda graph, node, slot, chain: not value_of(graph, node, "boolean", chain),
    "StringConcatenate": _joined,
    "PreviewAny": lambda graph, node, slot, chain: str(value_of(graph, node, "source", chain)),
}
