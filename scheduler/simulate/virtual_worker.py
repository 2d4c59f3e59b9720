"""What virtual workers do: start, claim, render, settle."""

import math
from collections.abc import Sequence
from typing import Any

from farm.lifecycle import Outcome
from farm.storage import ArtifactKind, StoredFile
from scheduler.claims.claim import Claim, ClaimedRender, claim
from scheduler.estimates.observations import Observed
from scheduler.leases.settle import Output, Settlement, settle
from scheduler.simulate.event_queue import World
from scheduler.simulate.in_memory_farm import forget_ended
from scheduler.simulate.timing import Passes, run_batch
from scheduler.simulate.traces.trace import CLASS_NAMES, Arrival
from scheduler.simulate.virtual_pool import Crew, Doing, VirtualWorker

#: Virtual workers hold their leases for ever: a heartbeat would have extended them. Who is not heard of is cut off by
#: `scheduler.simulate.faults`.
FOR_EVER = 1e9
#: So many renders that ended are removed from SQL at once.
_FORGET = 500
#: So many batches of a pool are measured between two rounds of learning.
_OBSERVED = 64
_DEVICE = "virtual"
#: Parts of a render's seconds that are not passes.
_ENCODE, _DECODE = 0.02, 0.05
_FILE: dict[str, Any] = {"content_type": "image/png", "size": 1, "sha256": "0" * 64}


def hire(world: World, crew: Crew, *, ready: bool = False) -> None:
    """A new worker; it begins to start now, or is ready (at the beginning of the trace)."""
    worker = crew.hire(world.now)
    if ready:
        start(world, crew, worker)
    else:
        world.soon(crew.pool.startup_seconds, "ready", crew, worker)


def start(world: World, crew: Crew, worker: VirtualWorker) -> None:
    """The worker is ready; from now on it may meet with mishaps."""
    if worker.doing is not Doing.STARTING:
        return  # it was dismissed before it was ready
    worker.ready_at = world.now
    faults = crew.pool.faults
    for rate, mishap in (
        (faults.crashes_per_hour, "crash"),
        (faults.stalls_per_hour, "stall"),
        (faults.preemptions_per_hour, "preempt"),
    ):
        if rate > 0:
            world.soon(world.random.expovariate(rate / 3600), mishap, crew, worker)
    look(world, crew, worker)


def wake(world: World, lane: str, renders: int) -> None:
    """Rings: as many idle workers of each pool look as these renders need; who finds nothing is idle again."""
    for crew in world.crews:
        if crew.lane == lane:
            for _ in range(min(len(crew.idle), math.ceil(renders / seats(world, crew)))):
                look(world, crew, crew.idle.popleft())


def put_waiting(world: World, lane: str, arrival: Arrival, renders: int) -> None:
    """So many renders of a job are pending now (negative: are not any more)."""
    world.pending[lane] += renders
    world.contention.add(arrival.class_name, arrival.project, renders)


def seats(world: World, crew: Crew) -> int:
    """How many renders a worker may claim at once."""
    return 1 if world.policy.batch == "one" else crew.pool.entry.max_batch


def look(world: World, crew: Crew, worker: VirtualWorker) -> None:
    """The worker has nothing in its hands: it ends if it was told to, or claims, or is idle."""
    worker.batch = worker.busy_until = None
    if worker.doing is Doing.GONE:
        return
    if worker.draining:
        crew.dismiss(worker, world.now)
        return
    found = _claim(world, crew, worker) if world.pending[crew.lane] else None
    if found is None:
        worker.doing = Doing.IDLE
        crew.idle.append(worker)
        return
    alone = [world.books.jobs[render.job_id].seconds_alone for render in found.renders]
    passes = run_batch(alone, crew.pool.speed, crew.pool.slowness)
    _count(world, crew, found, passes)
    worker.doing, worker.batch = Doing.BUSY, found
    worker.busy_since, worker.busy_until = world.now, world.now + passes.seconds
    world.soon(passes.seconds, "finish", crew, worker, found, passes)


def _claim(world: World, crew: Crew, worker: VirtualWorker) -> Claim | None:
    return claim(
        world.connections.engine,
        pool=crew.pool.entry.name,
        worker_id=worker.id,
        capacity=seats(world, crew),
        now=world.clock_now,
        lease_seconds=FOR_EVER,
    )


def _count(world: World, crew: Crew, found: Claim, passes: Passes) -> None:
    world.counted["claims"] += 1
    world.counted["claimed"] += len(found.renders)
    world.counted["seats"] += seats(world, crew)
    together = {name: world.contention.together(name) for name in CLASS_NAMES}
    for render, share in zip(found.renders, passes.shares, strict=True):
        arrival = world.books.jobs[render.job_id].arrival
        world.contention.give(arrival.class_name, together[arrival.class_name], arrival.project, share)
        put_waiting(world, crew.lane, arrival, -1)


def finish(world: World, crew: Crew, worker: VirtualWorker, found: Claim, passes: Passes) -> None:
    """The passes of a batch are over: its renders are settled, and the worker looks for more."""
    if worker.batch is not found:
        return  # the worker crashed or was preempted meanwhile
    worker.busy_seconds += world.now - worker.busy_since
    failed = crew.pool.faults.failed_share
    outcomes = [Outcome.FAILED if failed and world.random.random() < failed else Outcome.DONE for _ in found.renders]
    settle_batch(world, crew, worker, found.renders, outcomes, passes.shares, _observe(world, crew, found, passes))
    look(world, crew, worker)


def _observe(world: World, crew: Crew, found: Claim, passes: Passes) -> Observed | None:
    """What the worker has measured of the first render of a batch; enough for the farm to learn from, not of each."""
    if crew.observed >= _OBSERVED:
        return None
    crew.observed += 1
    head, rows = found.renders[0], len(found.renders)
    kind = world.kinds.of(world.books.jobs[head.job_id].arrival)
    return Observed(
        device=_DEVICE,
        width=head.width,
        height=head.height,
        frames=head.frames,
        forwards=kind.forwards,
        guided=kind.guided,
        batch_size=rows,
        steady=min(passes.shares) == max(passes.shares),
        encode_seconds=_ENCODE * passes.shares[0],
        pass_seconds=(1 - _ENCODE - _DECODE) * passes.shares[0] * rows / kind.forwards,
        decode_seconds=_DECODE * passes.shares[0],
        gpu_seconds=passes.shares[0],
        wall_seconds=passes.seconds,
    )


def settle_batch(
    world: World,
    crew: Crew,
    worker: VirtualWorker,
    renders: Sequence[ClaimedRender],
    outcomes: Sequence[Outcome],
    shares: Sequence[float | None],
    observed: Observed | None = None,
) -> None:
    """Say how the renders of a worker ended, and count what the farm accepts; `observed`: of the first of them."""
    settlements = [
        Settlement(
            render.id,
            render.attempt,
            outcome,
            None if outcome is Outcome.DONE else f"simulated: {outcome}",
            seconds,
            _outputs(render) if outcome is Outcome.DONE else (),
            observation=observed if place == 0 and outcome is Outcome.DONE else None,
        )
        for place, (render, outcome, seconds) in enumerate(zip(renders, outcomes, shares, strict=True))
    ]
    accepted = set(
        settle(
            world.connections.engine,
            settlements,
            world.clock_now,
            max_failures=world.options.max_failures,
            worker_id=worker.id,
            pool=crew.pool.entry.name,
            events=False,
        ).accepted
    )
    world.counted["void"] += len(renders) - len(accepted)
    for render, outcome, seconds in zip(renders, outcomes, shares, strict=True):
        if seconds is not None:
            world.books.used[world.books.jobs[render.job_id].arrival.project] += seconds
        if render.id not in accepted:
            continue  # a zombie's word: the farm has given the render to somebody else
        last = outcome is Outcome.FAILED and render.failures + 1 >= world.options.max_failures
        if outcome is Outcome.DONE or last:
            started_at = worker.busy_since
            world.books.end(render.job_id, render.index, started_at=started_at, now=world.now, failed=last)
            world.ended.append(render.id)
        else:
            put_waiting(world, crew.lane, world.books.jobs[render.job_id].arrival, 1)
    if world.pending[crew.lane]:
        wake(world, crew.lane, len(renders))
    if len(world.ended) >= _FORGET:
        forget(world)


def forget(world: World) -> None:
    """Remove what has ended from SQL."""
    if world.ended:
        forget_ended(world.connections, world.ended)
        world.ended = []


def _outputs(render: ClaimedRender) -> list[Output]:
    return [Output(ArtifactKind.OUTPUT, StoredFile(key=f"{render.id}/{render.attempt}", **_FILE))]
