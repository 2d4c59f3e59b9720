"""How many virtual workers there are: by our autoscaler, by the length of the queue, or always the same."""

import math

from farm.catalog import Scaling
from farm.database import read
from scheduler.autoscale.bin_packing import full_batches
from scheduler.autoscale.scaling_policy import Load, choose_to_drain, decide
from scheduler.forecasts.backlog import backlog
from scheduler.simulate.event_queue import Simulation
from scheduler.simulate.faults import dismiss
from scheduler.simulate.virtual_pool import Doing, RunningPool, VirtualWorker
from scheduler.simulate.virtual_worker import hire

#: The horizontal pod autoscaler, which KEDA feeds: it looks so often, …
QUEUE_LOOK_SECONDS = 15.0
#: … and takes the largest of what it wanted in so many seconds. KEDA waits as long before the last pod goes.
QUEUE_COOLDOWN_SECONDS = 300.0


def begin(simulation: Simulation) -> None:
    """Let the first decisions come."""
    for running_pool in simulation.running_pools:
        if simulation.policy.scale != "fixed":
            simulation.at(0.0, "scale", running_pool)


def scale(simulation: Simulation, running_pool: RunningPool) -> None:
    """One decision for one pool, and what follows from it."""
    scaling = running_pool.pool.entry.scaling or Scaling(maximum=max(1, running_pool.pool.workers))
    if simulation.policy.scale == "queue":
        desired, pause = _by_queue(simulation, running_pool, scaling), QUEUE_LOOK_SECONDS
    else:
        desired, pause = _ours(simulation, running_pool, scaling), simulation.options.decide_seconds
    _go_to(simulation, running_pool, desired)
    if not simulation.over:
        simulation.soon(pause, "scale", running_pool)


def _ours(simulation: Simulation, running_pool: RunningPool, scaling: Scaling) -> int:
    now, pause = simulation.clock_now, simulation.options.decide_seconds
    with read(simulation.connections.engine) as connection:
        waiting = backlog(connection, running_pool.lane, now)
        entry = running_pool.pool.entry
        packed = full_batches(connection, simulation.connections.catalog.model(entry.model), entry.max_batch)
    doing = [worker.doing for worker in running_pool.staying]
    load = Load(
        at=now,
        backlog_gpu_seconds=waiting.gpu_seconds * packed,
        oldest_wait_seconds=waiting.oldest_wait(now),
        arriving_gpu_seconds_per_second=running_pool.arrived_gpu_seconds * packed / pause,
        ready=len(doing) - doing.count(Doing.STARTING),
        starting=doing.count(Doing.STARTING),
        draining=len(running_pool.workers) - len(doing),
        spent_today=running_pool.spent_today(simulation.now),
        startup_seconds=running_pool.pool.startup_seconds,
        price_per_hour=running_pool.pool.entry.price_per_hour,
    )
    running_pool.arrived_gpu_seconds = 0.0
    decision, running_pool.memory = decide(load, scaling, running_pool.memory)
    running_pool.decisions.append((simulation.now, decision.reason))
    return decision.desired


def _by_queue(simulation: Simulation, running_pool: RunningPool, scaling: Scaling) -> int:
    """ceil(waiting / target), as KEDA and the autoscaler behind it do with a Redis list; at once up, slowly down."""
    waiting = simulation.pending[running_pool.lane]
    wanted = min(max(math.ceil(waiting / simulation.policy.queue_target), scaling.minimum), scaling.maximum)
    since = simulation.now - QUEUE_COOLDOWN_SECONDS
    running_pool.wanted = [(at, count) for at, count in running_pool.wanted if at > since] + [(simulation.now, wanted)]
    return max(count for _, count in running_pool.wanted)


def _go_to(simulation: Simulation, running_pool: RunningPool, desired: int) -> None:
    staying = running_pool.staying
    for _ in range(desired - len(staying)):
        hire(simulation, running_pool)
    if len(staying) > desired:
        for worker_id in choose_to_drain(running_pool.loads(), len(staying) - desired, simulation.clock_now):
            _drain(simulation, running_pool, running_pool.workers[worker_id])


def _drain(simulation: Simulation, running_pool: RunningPool, worker: VirtualWorker) -> None:
    """Who holds nothing is gone at once, the others when they have finished what they hold."""
    if worker.doing in (Doing.STARTING, Doing.IDLE):
        dismiss(simulation, running_pool, worker)
    else:
        worker.draining = True
