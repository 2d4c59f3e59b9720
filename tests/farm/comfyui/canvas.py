"""Graphs as ComfyUI's canvas saves them, drawn for tests: in words, and by chance with everything between two nodes."""

from typing import Any

from hypothesis import strategies as st

Document = dict[str, Any]


class Canvas:
    """A graph under construction: nodes, and links in the form of the outermost graph or of a subgraph."""

    def __init__(self, id_: str = "") -> None:
        self.id = id_
        self.nodes: list[Document] = []
        self.links: list[Document] = []
        self.inputs: list[Document] = []
        self.outputs: list[Document] = []

    def node(self, kind: str, widgets: Any = None, *, mode: int = 0, inputs: str = "", outputs: str = "") -> int:
        """Add a node; sockets are named and typed alike, one word each. Returns its id."""
        self.nodes.append(
            {
                "id": len(self.nodes) + 1,
                "type": kind,
                "mode": mode,
                "inputs": [{"name": name, "type": name.rstrip("_").upper(), "link": None} for name in inputs.split()],
                "outputs": [{"name": name, "type": name.upper(), "links": []} for name in outputs.split()],
                "widgets_values": widgets,
                "properties": {},
            }
        )
        return len(self.nodes)

    def link(self, origin: int, origin_slot: int, target: int, target_slot: int) -> None:
        """Link an output to an input; -10 and -20 are the subgraph's own inputs and outputs."""
        id_ = len(self.links) + 1
        self.links.append(
            {
                "id": id_,
                "origin_id": origin,
                "origin_slot": origin_slot,
                "target_id": target,
                "target_slot": target_slot,
            }
        )
        if target == -20:
            self.outputs[target_slot]["linkIds"].append(id_)
        else:
            self.nodes[target - 1]["inputs"][target_slot]["link"] = id_
        if origin == -10:
            self.inputs[origin_slot]["linkIds"].append(id_)

    def boundary(self, inputs: str, outputs: str) -> None:
        """Name the inputs and outputs of a subgraph."""
        self.inputs = [{"name": name, "type": name.upper(), "linkIds": []} for name in inputs.split()]
        self.outputs = [{"name": name, "type": name.upper(), "linkIds": []} for name in outputs.split()]

    def document(self, *subgraphs: "Canvas") -> Document:
        """A whole file."""
        links = [[*link.values(), "*"] for link in self.links]
        return {"nodes": self.nodes, "links": links, "definitions": {"subgraphs": [each.part() for each in subgraphs]}}

    def part(self) -> Document:
        """A definition in a file."""
        return {
            "id": self.id,
            "name": self.id,
            "nodes": self.nodes,
            "links": self.links,
            "inputs": self.inputs,
            "outputs": self.outputs,
        }


#: What may stand between two nodes and change nothing: by which `between` puts it there.
STATIONS = ("reroute", "rgthree", "bypassed", "subgraph", "nested", "set and get")


def between(canvas: Canvas, subgraphs: list[Canvas], origin: int, slot: int, station: str) -> tuple[int, int]:
    """Put a station behind an output of the type MODEL; where the link goes on from."""
    if station in ("reroute", "rgthree"):
        node = canvas.node("Reroute" if station == "reroute" else "Reroute (rgthree)", inputs="model", outputs="model")
    elif station == "bypassed":
        node = canvas.node("SomeLoader", mode=4, inputs="clip model", outputs="clip model")
        canvas.link(origin, slot, node, 1)
        return node, 1
    elif station == "set and get":
        name = f"name {len(canvas.nodes)}"
        setter = canvas.node("SetNode", [name], inputs="model", outputs="model")
        canvas.link(origin, slot, setter, 0)
        return canvas.node("GetNode", [name], outputs="model"), 0
    else:
        node = canvas.node(
            _passing(subgraphs, nested=station == "nested").id, [], inputs="model other", outputs="other model"
        )
        canvas.link(origin, slot, node, 0)
        return node, 1
    canvas.link(origin, slot, node, 0)
    return node, 0


def _passing(subgraphs: list[Canvas], *, nested: bool) -> Canvas:
    """A subgraph that hands its first input on as its second output, itself or by one inside it."""
    inner = _passing(subgraphs, nested=False) if nested else None
    found = Canvas(f"subgraph-{len(subgraphs)}")
    found.boundary("model other", "other model")
    subgraphs.append(found)
    kind, inputs, outputs, slot = (
        ("Reroute", "model", "model", 0) if inner is None else (inner.id, "model other", "other model", 1)
    )
    node = found.node(kind, [], inputs=inputs, outputs=outputs)
    found.link(-10, 0, node, 0)
    found.link(node, slot, -20, 1)
    return found


stations = st.lists(st.sampled_from(STATIONS), max_size=6)
