"""The virtual workers of one pool: who is starting, idle, busy, draining; what they cost."""

from collections import deque
from dataclasses import dataclass, field
from enum import Enum

from farm.ids import new_id
from scheduler.autoscale.scaling_policy import Memory, WorkerLoad
from scheduler.claims.claim_batch import Claim
from scheduler.simulate.fleet import VirtualPool

DAY_SECONDS = 86_400.0


class Doing(Enum):
    """What a virtual worker does."""

    STARTING = "starting"
    IDLE = "idle"
    BUSY = "busy"
    STALLED = "stalled"  # works on, but is not heard of
    GONE = "gone"


@dataclass(eq=False)
class VirtualWorker:
    """One worker. Times are seconds since the beginning of the trace."""

    pool: VirtualPool
    asked_at: float
    id: str = field(default_factory=new_id)
    doing: Doing = Doing.STARTING
    ready_at: float | None = None
    ended_at: float | None = None
    draining: bool = False  #: ends when it has finished what it holds
    batch: Claim | None = None
    busy_since: float = 0.0  #: when it claimed its batch
    busy_until: float | None = None
    busy_seconds: float = 0.0  #: of batches that ended

    @property
    def frames(self) -> int:
        """Frames of what it renders; 1 when it renders nothing."""
        return self.batch.renders[0].frames if self.batch else 1


@dataclass(eq=False)
class RunningPool:
    """The workers of a pool, those that are gone too, as sums."""

    pool: VirtualPool
    lane: str
    workers: dict[str, VirtualWorker] = field(default_factory=dict)
    idle: deque[VirtualWorker] = field(default_factory=deque)
    memory: Memory = field(default_factory=Memory)
    arrived_gpu_seconds: float = 0.0  # since the last decision, as estimated at admission
    wanted: list[tuple[float, int]] = field(default_factory=list)  # of queue-length scaling: (at, workers)
    decisions: list[tuple[float, str]] = field(default_factory=list)  # of our autoscaler: (at, reason)
    observed: int = 0  # batches that were measured since the last round of learning
    started: int = 0
    paid_before: float = 0.0  # worker-seconds of those that are gone
    ready_before: float = 0.0
    busy_before: float = 0.0
    day: tuple[int, float] = (0, 0.0)  # the number of the day, and the money before it

    def hire(self, now: float) -> VirtualWorker:
        """A worker that begins to start, and costs money from now on."""
        worker = VirtualWorker(self.pool, now)
        self.workers[worker.id] = worker
        self.started += 1
        return worker

    def dismiss(self, worker: VirtualWorker, now: float) -> None:
        """The worker is gone: it costs nothing any more."""
        worker.doing, worker.ended_at, worker.batch = Doing.GONE, now, None
        del self.workers[worker.id]
        self.paid_before += now - worker.asked_at
        self.ready_before += now - worker.ready_at if worker.ready_at is not None else 0.0
        self.busy_before += worker.busy_seconds

    @property
    def staying(self) -> list[VirtualWorker]:
        """Workers that were not told to end."""
        return [worker for worker in self.workers.values() if not worker.draining]

    def loads(self) -> list[WorkerLoad]:
        """What the autoscaler may choose from."""
        return [
            WorkerLoad(
                id=worker.id,
                leased=len(worker.batch.renders) if worker.batch else 0,
                busy_until=worker.busy_until,
                started_at=worker.asked_at,
                ready=worker.doing is not Doing.STARTING,
                clip=worker.frames > 1,
            )
            for worker in self.staying
        ]

    def paid_seconds(self, now: float) -> float:
        """Worker-seconds that cost money so far."""
        return self.paid_before + sum(now - worker.asked_at for worker in self.workers.values())

    def ready_seconds(self, now: float) -> float:
        """Worker-seconds after the start-up so far."""
        ready = [worker.ready_at for worker in self.workers.values() if worker.ready_at is not None]
        return self.ready_before + sum(now - at for at in ready)

    def busy_seconds(self) -> float:
        """Worker-seconds of batches that ended so far."""
        return self.busy_before + sum(worker.busy_seconds for worker in self.workers.values())

    def money(self, now: float) -> float:
        """What its workers have cost so far."""
        return self.paid_seconds(now) / 3600 * self.pool.entry.price_per_hour

    def spent_today(self, now: float) -> float:
        """What its workers have cost since midnight; the trace begins at one."""
        today = int(now // DAY_SECONDS)
        if today != self.day[0]:
            self.day = today, self.money(now)
        return self.money(now) - self.day[1]
