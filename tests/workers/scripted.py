"""A worker's feeder with a real database, and an engine that does what the test says."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import func, select

from farm.connections import Connections
from farm.database import read
from farm.lifecycle import Phase
from farm.tables import Render
from workers.agent.engine_feeder import Feeder
from workers.agent.engine_supervisor import EngineSupervisor
from workers.agent.leased_renders import LeasedRenders
from workers.agent.render_orders import Ordering
from workers.agent.settler import Settler
from workers.agent.spool_folder import DiskSpace
from workers.protocol import RenderBatch


class ScriptedEngine(EngineSupervisor):
    """Takes batches, and steps and ends renders when it is told to. Nothing is started."""

    def __init__(self, held_renders: LeasedRenders) -> None:
        self.ready = threading.Event()
        self.ready.set()
        self.facts = None
        self.sent: list[RenderBatch] = []
        self.told: list[object] = []  # everything, in its order
        self._held_renders = held_renders

    def send(self, message: object) -> bool:
        self.told.append(message)
        if isinstance(message, RenderBatch):
            self.sent.append(message)
        return True

    def ids(self, place: int) -> list[str]:
        """The renders of one message."""
        return [order.render_id for order in self.sent[place].renders]

    def step(self, step: int, steps: int) -> None:
        """Everything that is in the engine and not parked has done so many steps, a second each."""
        for leased in self._held_renders.in_engine():
            if leased.is_parked:
                continue
            phase = Phase.FINISHING if step == steps else Phase.STEPPING
            self._held_renders.step(leased.render.id, leased.render.attempt, phase, step, steps)
            leased.stepping_since = time.monotonic() - step
        self._held_renders.moved()

    def end(self, render_ids: list[str] | None = None) -> None:
        """These renders, or all, are rendered and stored."""
        ids = [held.render.id for held in self._held_renders.in_engine()] if render_ids is None else render_ids
        for render_id in ids:
            self._held_renders.leave_engine(render_id)
        self._held_renders.let_go(ids)


class ScriptedWorker:
    """One worker of a pool, without processes."""

    def __init__(
        self, connections: Connections, pool: str, worker_id: str, engine: type[ScriptedEngine] = ScriptedEngine
    ) -> None:
        self.held_renders = LeasedRenders()
        self.engine = engine(self.held_renders)
        self.settler = Settler(connections, self.held_renders, worker_id=worker_id, pool=pool)
        self.connections = connections
        self.feeder = Feeder(
            connections,
            pool=pool,
            worker_id=worker_id,
            link=self.engine,
            held_renders=self.held_renders,
            settler=self.settler,
            ordering=Ordering(connections, Path(connections.settings.data_dir)),
            disk_space=DiskSpace(connections.steady),
        )

    @contextmanager
    def working(self) -> Iterator[None]:
        """It was rung once; at the end it is drained, and what it holds is let go."""
        thread = threading.Thread(target=self.feeder.work_until_empty)
        thread.start()
        try:
            yield
        finally:
            self.feeder.drain()
            self.engine.end()
            thread.join(30)
            assert not thread.is_alive()

    def count(self, status: str) -> int:
        with read(self.connections.engine) as connection:
            return connection.scalar(select(func.count()).select_from(Render).where(Render.status == status)) or 0
