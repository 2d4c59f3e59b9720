"""How many virtual workers there are: by our autoscaler, by the length of the queue, or always the same."""

import math

from farm.catalog import Scaling
from farm.database import read
from scheduler.autoscale.bin_packing import full_batches
from scheduler.autoscale.policy import Load, choose_to_drain, decide
from scheduler.forecasts.backlog import backlog
from scheduler.simulate.event_queue import World
from scheduler.simulate.faults import dismiss
from scheduler.simulate.virtual_pool import Crew, Doing, VirtualWorker
from scheduler.simulate.virtual_worker import hire

#: The horizontal pod autoscaler, which KEDA feeds: it looks so often, …
QUEUE_LOOK_SECONDS = 15.0
#: … and takes the largest of what it wanted in so many seconds. KEDA waits as long before the last pod goes.
QUEUE_COOLDOWN_SECONDS = 300.0


def begin(world: World) -> None:
    """Let the first decisions come."""
    for crew in world.crews:
        if world.policy.scale != "fixed":
            world.at(0.0, "scale", crew)


def scale(world: World, crew: Crew) -> None:
    """One decision for one pool, and what follows from it."""
    scaling = crew.pool.entry.scaling or Scaling(maximum=max(1, crew.pool.workers))
    if world.policy.scale == "queue":
        desired, pause = _by_queue(world, crew, scaling), QUEUE_LOOK_SECONDS
    else:
        desired, pause = _ours(world, crew, scaling), world.options.decide_seconds
    _go_to(world, crew, desired)
    if not world.over:
        world.soon(pause, "scale", crew)


def _ours(world: World, crew: Crew, scaling: Scaling) -> int:
    now, pause = world.clock_now, world.options.decide_seconds
    with read(world.connections.engine) as connection:
        waiting = backlog(connection, crew.lane, now)
        entry = crew.pool.entry
        packed = full_batches(connection, world.connections.catalog.model(entry.model), entry.max_batch)
    doing = [worker.doing for worker in crew.staying]
    load = Load(
        at=now,
        backlog_gpu_seconds=waiting.gpu_seconds * packed,
        oldest_wait_seconds=waiting.oldest_wait(now),
        arriving_gpu_seconds_per_second=crew.arrived_gpu_seconds * packed / pause,
        ready=len(doing) - doing.count(Doing.STARTING),
        starting=doing.count(Doing.STARTING),
        draining=len(crew.workers) - len(doing),
        spent_today=crew.spent_today(world.now),
        startup_seconds=crew.pool.startup_seconds,
        price_per_hour=crew.pool.entry.price_per_hour,
    )
    crew.arrived_gpu_seconds = 0.0
    decision, crew.memory = decide(load, scaling, crew.memory)
    crew.decisions.append((world.now, decision.reason))
    return decision.desired


def _by_queue(world: World, crew: Crew, scaling: Scaling) -> int:
    """ceil(waiting / target), as KEDA and the autoscaler behind it do with a Redis list; at once up, slowly down."""
    waiting = world.pending[crew.lane]
    wanted = min(max(math.ceil(waiting / world.policy.queue_target), scaling.minimum), scaling.maximum)
    since = world.now - QUEUE_COOLDOWN_SECONDS
    crew.wanted = [(at, count) for at, count in crew.wanted if at > since] + [(world.now, wanted)]
    return max(count for _, count in crew.wanted)


def _go_to(world: World, crew: Crew, desired: int) -> None:
    staying = crew.staying
    for _ in range(desired - len(staying)):
        hire(world, crew)
    if len(staying) > desired:
        for worker_id in choose_to_drain(crew.loads(), len(staying) - desired, world.clock_now):
            _drain(world, crew, crew.workers[worker_id])


def _drain(world: World, crew: Crew, worker: VirtualWorker) -> None:
    """Who holds nothing is gone at once, the others when they have finished what they hold."""
    if worker.doing in (Doing.STARTING, Doing.IDLE):
        dismiss(world, crew, worker)
    else:
        worker.draining = True
