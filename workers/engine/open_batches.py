"""Which batch each render came with, so that its end can be told."""

import time
from dataclasses import dataclass, field

from workers.protocol import BatchEnded, RenderBatch


@dataclass
class Batches:
    """Batches that are still in the engine, and those that have ended but nobody has been told yet."""

    ended: list[BatchEnded] = field(default_factory=list)
    _open: dict[str, set[str]] = field(default_factory=dict)  # batch id → renders still inside
    _started: dict[str, float] = field(default_factory=dict)
    _of: dict[str, str] = field(default_factory=dict)  # render id → batch id

    def admit(self, batch: RenderBatch) -> None:
        """Begin to count a batch, or count those that join one under its id. An empty one ends at once."""
        self._started.setdefault(batch.batch_id, time.perf_counter())
        self._open.setdefault(batch.batch_id, set()).update(order.render_id for order in batch.renders)
        self._of |= {order.render_id: batch.batch_id for order in batch.renders}
        self._end_if_empty(batch.batch_id)

    def leave(self, render_id: str) -> None:
        """A render is rendered, failed or dropped. Unknown ids are ignored."""
        batch_id = self._of.pop(render_id, None)
        if batch_id is not None:
            self._open[batch_id].discard(render_id)
            self._end_if_empty(batch_id)

    def pop_ended(self) -> list[BatchEnded]:
        """Batches that have ended since the last call."""
        ended, self.ended = self.ended, []
        return ended

    def _end_if_empty(self, batch_id: str) -> None:
        if not self._open[batch_id]:
            del self._open[batch_id]
            self.ended.append(BatchEnded(batch_id, time.perf_counter() - self._started.pop(batch_id)))
