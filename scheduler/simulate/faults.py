"""What befalls virtual workers: crashes, stalls, spot preemptions; and how the farm heals."""

from farm.lifecycle import Outcome
from scheduler.claims.claim_batch import Claim
from scheduler.leases.extend import Held, extend
from scheduler.leases.reap import reap
from scheduler.simulate.event_queue import Lost, Simulation
from scheduler.simulate.virtual_pool import Doing, RunningPool, VirtualWorker
from scheduler.simulate.virtual_worker import look, put_waiting, settle_batch, wake

#: Between the end of a lease and the supervisor's next round, in seconds.
_ROUND = 2.0
#: A stalled worker is not heard of for so many times its lease.
_STALL = 2.5


def crash(simulation: Simulation, running_pool: RunningPool, worker: VirtualWorker) -> None:
    """The worker is gone without a word; its renders go back when its lease has run out."""
    if worker.doing is Doing.GONE:
        return
    simulation.counted["crashes"] += 1
    _lose(simulation, running_pool, worker)
    dismiss(simulation, running_pool, worker)


def stall(simulation: Simulation, running_pool: RunningPool, worker: VirtualWorker) -> None:
    """The worker is not heard of for longer than its lease, then settles all the same: a zombie."""
    if worker.batch is None:
        return
    simulation.counted["stalls"] += 1
    _lose(simulation, running_pool, worker)
    found, worker.batch, worker.doing = worker.batch, None, Doing.STALLED
    simulation.soon(_STALL * simulation.options.lease_seconds, "zombie", running_pool, worker, found)


def preempt(simulation: Simulation, running_pool: RunningPool, worker: VirtualWorker) -> None:
    """The machine is taken away after a notice: the worker claims no more, and gives back what it cannot finish."""
    if worker.doing is Doing.GONE:
        return
    simulation.counted["preemptions"] += 1
    worker.draining = True
    if worker.doing is Doing.IDLE:
        dismiss(simulation, running_pool, worker)
    else:
        simulation.soon(running_pool.pool.faults.notice_seconds, "evict", running_pool, worker)


def evict(simulation: Simulation, running_pool: RunningPool, worker: VirtualWorker) -> None:
    """The notice of a preemption is over."""
    if worker.doing is Doing.GONE:
        return
    if worker.batch is not None:
        renders = worker.batch.renders
        worker.busy_seconds += simulation.now - worker.busy_since
        worker.batch = None
        settle_batch(
            simulation, running_pool, worker, renders, [Outcome.RETURNED] * len(renders), [None] * len(renders)
        )
    dismiss(simulation, running_pool, worker)


def dismiss(simulation: Simulation, running_pool: RunningPool, worker: VirtualWorker) -> None:
    """The worker is gone; with a fixed fleet another one starts in its place."""
    if worker.doing is Doing.IDLE:
        running_pool.idle.remove(worker)
    running_pool.dismiss(worker, simulation.now)
    if simulation.policy.scale == "fixed" and len(running_pool.staying) < running_pool.pool.workers:
        simulation.soon(0.0, "hire", running_pool)


def reap_lost(simulation: Simulation) -> None:
    """The supervisor's round: renders whose lease ran out go back to pending, and idle workers look."""
    reap(simulation.connections.engine, simulation.clock_now)
    back = [lost for lost in simulation.lost if lost.lease_until < simulation.clock_now]
    simulation.lost = [lost for lost in simulation.lost if lost.lease_until >= simulation.clock_now]
    for lost in back:
        for render in lost.renders:
            put_waiting(simulation, lost.lane, simulation.ledger.jobs[render.job_id].arrival, 1)
    for lost in back:
        wake(simulation, lost.lane, len(lost.renders))


def zombie(simulation: Simulation, running_pool: RunningPool, worker: VirtualWorker, found: Claim) -> None:
    """A stalled worker is back, and settles what others may have rendered meanwhile; the farm refuses its word."""
    if worker.doing is Doing.GONE:
        return
    done = [Outcome.DONE] * len(found.renders)
    settle_batch(simulation, running_pool, worker, found.renders, done, [None] * len(done))
    look(simulation, running_pool, worker)


def _lose(simulation: Simulation, running_pool: RunningPool, worker: VirtualWorker) -> None:
    """No heartbeat any more: the lease of what it holds ends so long after the last one, then it is reaped."""
    if worker.batch is None:
        return
    worker.busy_seconds += simulation.now - worker.busy_since
    renders = worker.batch.renders
    silent = min(simulation.random.uniform(0, simulation.options.heartbeat_seconds), simulation.now - worker.busy_since)
    last_beat, lease = simulation.clock_now - silent, simulation.options.lease_seconds
    held = [Held(render.id, render.attempt) for render in renders]
    extend(simulation.connections.engine, worker_id=worker.id, held=held, now=last_beat, lease_seconds=lease)
    simulation.lost.append(Lost(last_beat + lease, running_pool.lane, renders))
    simulation.soon(lease - silent + _ROUND, "reap")
