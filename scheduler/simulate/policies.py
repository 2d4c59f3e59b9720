"""The policies that are compared. All of them claim and settle with the farm's own code; they differ in

- order: `fair` is ours; for `arrival` everything is one project's and one class's, so that only time decides; for
  `class` everything is one project's, and the classes are strict, as three queues by priority are;
- batch: `full` claims as many of one batch key as fit, `one` claims one render;
- scaling: `ours` is `scheduler.autoscale`; `queue` counts messages, as KEDA does on a Redis list; `fixed` keeps the
  number of workers.
"""

from dataclasses import dataclass, replace
from typing import Literal

from farm.did_you_mean import did_you_mean
from farm.errors import Fault, InvalidRequest

Order = Literal["fair", "class", "arrival"]
Batch = Literal["full", "one"]
Scale = Literal["fixed", "ours", "queue"]


@dataclass(frozen=True)
class Policy:
    """Who is next, how many at once, and how many workers."""

    name: str
    order: Order = "fair"
    batch: Batch = "full"
    scale: Scale = "fixed"
    queue_target: int = 8  # waiting renders for each worker, of queue-length scaling

    def autoscaled(self) -> "Policy":
        """The same, with workers by our autoscaler where it has no scaling of its own."""
        return self if self.scale != "fixed" else replace(self, scale="ours")


OURS = Policy("ours")
FIFO = Policy("fifo", order="arrival", batch="one")
FIFO_BATCHES = Policy("fifo-batches", order="arrival")
PRIORITY = Policy("priority-queues", order="class")
QUEUE_LENGTH = Policy("queue-length", scale="queue")
POLICIES = {policy.name: policy for policy in (OURS, FIFO, FIFO_BATCHES, PRIORITY, QUEUE_LENGTH)}


def policies_named(text: str) -> list[Policy]:
    """The policies of a list with commas: 'ours,fifo'.

    Raises:
        InvalidRequest: one of them is unknown.
    """
    names = [word.strip() for word in text.split(",") if word.strip()]
    unknown = [name for name in names if name not in POLICIES]
    if unknown or not names:
        told = ", ".join(repr(name) for name in unknown) or "nothing"
        known = did_you_mean(unknown[0] if unknown else "", POLICIES)
        raise InvalidRequest([Fault("--policy", f"unknown: {told}; {known}")])
    return [POLICIES[name] for name in names]
