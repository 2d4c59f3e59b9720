"""Where a link begins: the node that runs and makes what it carries, or a value."""

from dataclasses import dataclass
from typing import Any

from farm.comfyui.workflow.graph import Link, NotAWorkflow
from farm.comfyui.workflow.scopes import Scope
from farm.comfyui.workflow.ui_format import BYPASSED, INPUTS, MUTED, CanvasLink, CanvasNode, Socket
from farm.comfyui.workflow.virtual import GET, PRIMITIVE, REROUTES, SET, is_virtual, name_of


@dataclass(frozen=True)
class Literal:
    """A value that a link carries from no node that runs."""

    value: Any


Origin = Link | Literal | None
_Seen = frozenset[tuple[str, str, int]]


def origin_of(scope: Scope, node: CanvasNode, socket: Socket, seen: _Seen = frozenset()) -> Origin:
    """Where what an input takes is made; None: nowhere (not linked, or what was before it is muted).

    Raises NotAWorkflow: links lead in a circle, or to nothing.
    """
    if socket.link is None:
        return None
    return _begin(scope, scope.link(socket.link, node), socket.type, seen)


def _begin(scope: Scope, link: CanvasLink, wanted: Any, seen: _Seen) -> Origin:
    step = (scope.path, link.origin_id, link.origin_slot)
    if step in seen:
        raise NotAWorkflow(f"The links of node {scope.path}{link.origin_id} lead in a circle.")
    seen |= {step}
    if link.origin_id == INPUTS and scope.user is not None:
        return _into(scope, link.origin_slot, seen)
    try:
        node = scope.nodes[link.origin_id]
    except KeyError:
        raise NotAWorkflow(f"Link {link.id} begins at node {scope.path}{link.origin_id}, which is nowhere.") from None
    return _output(scope, node, link.origin_slot, wanted, seen)


def _into(scope: Scope, slot: int, seen: _Seen) -> Origin:
    """From an input of a subgraph on to the graph around it."""
    around, user = scope.around, scope.user
    assert around is not None
    assert user is not None
    if not 0 <= slot < len(scope.subgraph.inputs):
        raise NotAWorkflow(f"The subgraph of node {around.path_of(user)} has no input {slot}.")
    name = scope.subgraph.inputs[slot].name
    outside = next((socket for socket in user.inputs if socket.name == name), None)
    if outside is not None and outside.link is not None:
        return origin_of(around, user, outside, seen)
    return Literal(scope.given_by_input[name]) if name in scope.given_by_input else None


def _output(scope: Scope, node: CanvasNode, slot: int, wanted: Any, seen: _Seen) -> Origin:
    if node.mode == MUTED:
        return None
    if node.mode == BYPASSED:
        passed = _passed_by(node, slot, wanted)
        return None if passed is None else origin_of(scope, node, passed, seen)
    inside = scope.inside(node)
    if inside is not None:
        return _out_of(inside, slot, wanted, seen)
    if node.type == PRIMITIVE:
        values = node.widgets_values
        return Literal(values[0]) if isinstance(values, list) and values else None
    if node.type in REROUTES:
        return origin_of(scope, node, node.inputs[0], seen) if node.inputs else None
    if node.type == GET:
        setter = _setter(scope, node)
        return None if setter is None else origin_of(setter[0], setter[1], setter[1].inputs[0], seen)
    if node.type == SET and node.inputs:
        return origin_of(scope, node, node.inputs[0], seen)
    return None if is_virtual(node) or slot < 0 else Link(scope.path_of(node), slot)


def _out_of(inside: Scope, slot: int, wanted: Any, seen: _Seen) -> Origin:
    """From a node that is a subgraph to what is made in it."""
    outputs = inside.subgraph.outputs
    links = outputs[slot].linkIds if 0 <= slot < len(outputs) else []
    link = inside.links.get(links[0]) if links else None
    return None if link is None else _begin(inside, link, wanted, seen)


def _passed_by(node: CanvasNode, slot: int, wanted: Any) -> Socket | None:
    """The input that a bypassed node hands on as this output: that in the same place, or the first of the type."""
    made = node.outputs[slot].type if 0 <= slot < len(node.outputs) else wanted
    opposite = node.inputs[slot] if 0 <= slot < len(node.inputs) else None
    if wanted in ("*", ""):
        return opposite or (node.inputs[0] if node.inputs else None)
    if opposite is not None and _fits(opposite.type, made) and _fits(opposite.type, wanted):
        return opposite
    exact = [socket for socket in node.inputs if socket.type == wanted]
    loose = [socket for socket in node.inputs if _fits(socket.type, made) and _fits(socket.type, wanted)]
    return next(iter(exact + loose), None)


def _fits(one: Any, other: Any) -> bool:
    """Whether sockets of two types may be linked; a type may be several ('FLOAT,INT'), or any."""
    kinds = [set(str(each).lower().split(",")) for each in (one, other)]
    return bool(kinds[0] & kinds[1]) or any(kind & {"*", "", "0"} for kind in kinds)


def _setter(scope: Scope, getter: CanvasNode) -> tuple[Scope, CanvasNode] | None:
    """The node that sets what a GetNode gets, by its name, in the same graph or around it."""
    name = name_of(getter)
    where: Scope | None = scope
    while where is not None:
        if name in where.setters:
            return where, where.setters[name]
        where = where.around
    return None
