"""What befalls virtual workers: crashes, stalls, spot preemptions; and how the farm heals."""

from farm.lifecycle import Outcome
from scheduler.claims.claim import Claim
from scheduler.leases.extend import Held, extend
from scheduler.leases.reap import reap
from scheduler.simulate.event_queue import Lost, World
from scheduler.simulate.virtual_pool import Crew, Doing, VirtualWorker
from scheduler.simulate.virtual_worker import look, put_waiting, settle_batch, wake

#: Between the end of a lease and the supervisor's next round, in seconds.
_ROUND = 2.0
#: A stalled worker is not heard of for so many times its lease.
_STALL = 2.5


def crash(world: World, crew: Crew, worker: VirtualWorker) -> None:
    """The worker is gone without a word; its renders go back when its lease has run out."""
    if worker.doing is Doing.GONE:
        return
    world.counted["crashes"] += 1
    _not_heard_of(world, crew, worker)
    dismiss(world, crew, worker)


def stall(world: World, crew: Crew, worker: VirtualWorker) -> None:
    """The worker is not heard of for longer than its lease, then settles all the same: a zombie."""
    if worker.batch is None:
        return
    world.counted["stalls"] += 1
    _not_heard_of(world, crew, worker)
    found, worker.batch, worker.doing = worker.batch, None, Doing.STALLED
    world.soon(_STALL * world.options.lease_seconds, "zombie", crew, worker, found)


def preempt(world: World, crew: Crew, worker: VirtualWorker) -> None:
    """The machine is taken away after a notice: the worker claims no more, and gives back what it cannot finish."""
    if worker.doing is Doing.GONE:
        return
    world.counted["preemptions"] += 1
    worker.draining = True
    if worker.doing is Doing.IDLE:
        dismiss(world, crew, worker)
    else:
        world.soon(crew.pool.faults.notice_seconds, "evict", crew, worker)


def evict(world: World, crew: Crew, worker: VirtualWorker) -> None:
    """The notice of a preemption is over."""
    if worker.doing is Doing.GONE:
        return
    if worker.batch is not None:
        renders = worker.batch.renders
        worker.busy_seconds += world.now - worker.busy_since
        worker.batch = None
        settle_batch(world, crew, worker, renders, [Outcome.RETURNED] * len(renders), [None] * len(renders))
    dismiss(world, crew, worker)


def dismiss(world: World, crew: Crew, worker: VirtualWorker) -> None:
    """The worker is gone; with a fixed fleet another one starts in its place."""
    if worker.doing is Doing.IDLE:
        crew.idle.remove(worker)
    crew.dismiss(worker, world.now)
    if world.policy.scale == "fixed" and len(crew.staying) < crew.pool.workers:
        world.soon(0.0, "hire", crew)


def reap_lost(world: World) -> None:
    """The supervisor's round: renders whose lease ran out go back to pending, and idle workers look."""
    reap(world.connections.engine, world.clock_now)
    back = [lost for lost in world.lost if lost.lease_until < world.clock_now]
    world.lost = [lost for lost in world.lost if lost.lease_until >= world.clock_now]
    for lost in back:
        for render in lost.renders:
            put_waiting(world, lost.lane, world.books.jobs[render.job_id].arrival, 1)
    for lost in back:
        wake(world, lost.lane, len(lost.renders))


def zombie(world: World, crew: Crew, worker: VirtualWorker, found: Claim) -> None:
    """A stalled worker is back, and settles what others may have rendered meanwhile; the farm refuses its word."""
    if worker.doing is Doing.GONE:
        return
    done = [Outcome.DONE] * len(found.renders)
    settle_batch(world, crew, worker, found.renders, done, [None] * len(done))
    look(world, crew, worker)


def _not_heard_of(world: World, crew: Crew, worker: VirtualWorker) -> None:
    """No heartbeat any more: the lease of what it holds ends so long after the last one, then it is reaped."""
    if worker.batch is None:
        return
    worker.busy_seconds += world.now - worker.busy_since
    renders = worker.batch.renders
    silent = min(world.random.uniform(0, world.options.heartbeat_seconds), world.now - worker.busy_since)
    last_beat, lease = world.clock_now - silent, world.options.lease_seconds
    held = [Held(render.id, render.attempt) for render in renders]
    extend(world.connections.engine, worker_id=worker.id, held=held, now=last_beat, lease_seconds=lease)
    world.lost.append(Lost(last_beat + lease, crew.lane, renders))
    world.soon(lease - silent + _ROUND, "reap")
