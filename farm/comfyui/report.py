"""What became of each node: taken over, remarked on, or the reason why the graph cannot be rendered."""

from collections.abc import Collection
from dataclasses import dataclass, field

from farm.comfyui.workflow.graph import CannotRender, Node
from farm.errors import Fault
from farm.sentences import sentence


@dataclass
class Report:
    """Gathered while a graph is read. `settled`: fields that the user gives, which the graph need not say."""

    settled: Collection[str] = ()
    taken: list[tuple[Node, str]] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    reasons: list[Fault] = field(default_factory=list)

    def took(self, node: Node, what: str) -> None:
        """What the request takes from a node."""
        if (node, what) not in self.taken:
            self.taken.append((node, what))

    def notice(self, node: Node, remark: str) -> None:
        """What is not quite as in ComfyUI."""
        text = sentence("%(node)s: %(remark)s", node=str(node), remark=remark)
        if text not in self.notices:
            self.notices.append(text)

    def refuse(self, node: Node | None, why: str, field: str = "") -> None:
        """Why the graph cannot be rendered; it can if the user gives that field."""
        reason = Fault(str(node) if node else "the graph", why)
        if (not field or field not in self.settled) and reason not in self.reasons:
            self.reasons.append(reason)

    def check(self) -> None:
        """Raises CannotRender if there is any reason."""
        if self.reasons:
            raise CannotRender(self.reasons)
