"""What virtual workers do: start, claim, render, settle."""

import math
from collections.abc import Sequence
from typing import Any

from farm.lifecycle import Outcome
from farm.storage import StoredFile
from farm.storage_keys import ArtifactKind
from scheduler.claims.claim_batch import Claim, ClaimedRender, Claimer, claim
from scheduler.estimates.observations import Observed
from scheduler.leases.settle import Output, Settlement, settle
from scheduler.simulate.event_queue import Simulation
from scheduler.simulate.in_memory_farm import forget_ended
from scheduler.simulate.timing import Passes, run_batch
from scheduler.simulate.traces.trace import CLASS_NAMES, Arrival
from scheduler.simulate.virtual_pool import Doing, RunningPool, VirtualWorker

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


def hire(simulation: Simulation, running_pool: RunningPool, *, ready: bool = False) -> None:
    """A new worker; it begins to start now, or is ready (at the beginning of the trace)."""
    worker = running_pool.hire(simulation.now)
    if ready:
        start(simulation, running_pool, worker)
    else:
        simulation.soon(running_pool.pool.startup_seconds, "ready", running_pool, worker)


def start(simulation: Simulation, running_pool: RunningPool, worker: VirtualWorker) -> None:
    """The worker is ready; from now on it may meet with faults."""
    if worker.doing is not Doing.STARTING:
        return  # it was dismissed before it was ready
    worker.ready_at = simulation.now
    faults = running_pool.pool.faults
    for rate, fault in (
        (faults.crashes_per_hour, "crash"),
        (faults.stalls_per_hour, "stall"),
        (faults.preemptions_per_hour, "preempt"),
    ):
        if rate > 0:
            simulation.soon(simulation.random.expovariate(rate / 3600), fault, running_pool, worker)
    look(simulation, running_pool, worker)


def wake(simulation: Simulation, lane: str, renders: int) -> None:
    """Rings: as many idle workers of each pool look as these renders need; who finds nothing is idle again."""
    for running_pool in simulation.running_pools:
        if running_pool.lane == lane:
            for _ in range(min(len(running_pool.idle), math.ceil(renders / slots(simulation, running_pool)))):
                look(simulation, running_pool, running_pool.idle.popleft())


def put_waiting(simulation: Simulation, lane: str, arrival: Arrival, renders: int) -> None:
    """So many renders of a job are pending now (negative: are not any more)."""
    simulation.pending[lane] += renders
    simulation.contention.add(arrival.class_name, arrival.project, renders)


def slots(simulation: Simulation, running_pool: RunningPool) -> int:
    """How many renders a worker may claim at once."""
    return 1 if simulation.policy.batch == "one" else running_pool.pool.entry.max_batch


def look(simulation: Simulation, running_pool: RunningPool, worker: VirtualWorker) -> None:
    """The worker has nothing in its hands: it ends if it was told to, or claims, or is idle."""
    worker.batch = worker.busy_until = None
    if worker.doing is Doing.GONE:
        return
    if worker.draining:
        running_pool.dismiss(worker, simulation.now)
        return
    found = _claim(simulation, running_pool, worker) if simulation.pending[running_pool.lane] else None
    if found is None:
        worker.doing = Doing.IDLE
        running_pool.idle.append(worker)
        return
    alone = [simulation.ledger.jobs[render.job_id].seconds_alone for render in found.renders]
    passes = run_batch(alone, running_pool.pool.speed, running_pool.pool.slowness)
    _count(simulation, running_pool, found, passes)
    worker.doing, worker.batch = Doing.BUSY, found
    worker.busy_since, worker.busy_until = simulation.now, simulation.now + passes.seconds
    simulation.soon(passes.seconds, "finish", running_pool, worker, found, passes)


def _claim(simulation: Simulation, running_pool: RunningPool, worker: VirtualWorker) -> Claim | None:
    return claim(
        simulation.connections.engine,
        Claimer(running_pool.pool.entry.name, worker.id, FOR_EVER),
        capacity=slots(simulation, running_pool),
        now=simulation.clock_now,
    )


def _count(simulation: Simulation, running_pool: RunningPool, found: Claim, passes: Passes) -> None:
    simulation.counted["claims"] += 1
    simulation.counted["claimed"] += len(found.renders)
    simulation.counted["slots"] += slots(simulation, running_pool)
    together = {name: simulation.contention.together(name) for name in CLASS_NAMES}
    for render, share in zip(found.renders, passes.shares, strict=True):
        arrival = simulation.ledger.jobs[render.job_id].arrival
        simulation.contention.give(arrival.class_name, together[arrival.class_name], arrival.project, share)
        put_waiting(simulation, running_pool.lane, arrival, -1)


def finish(
    simulation: Simulation, running_pool: RunningPool, worker: VirtualWorker, found: Claim, passes: Passes
) -> None:
    """The passes of a batch are over: its renders are settled, and the worker looks for more."""
    if worker.batch is not found:
        return  # the worker crashed or was preempted meanwhile
    worker.busy_seconds += simulation.now - worker.busy_since
    failed = running_pool.pool.faults.failed_share
    outcomes = [
        Outcome.FAILED if failed and simulation.random.random() < failed else Outcome.DONE for _ in found.renders
    ]
    settle_batch(
        simulation,
        running_pool,
        worker,
        found.renders,
        outcomes,
        passes.shares,
        _observe(simulation, running_pool, found, passes),
    )
    look(simulation, running_pool, worker)


def _observe(simulation: Simulation, running_pool: RunningPool, found: Claim, passes: Passes) -> Observed | None:
    """What the worker has measured of the first render of a batch; enough for the farm to learn from, not of each."""
    if running_pool.observed >= _OBSERVED:
        return None
    running_pool.observed += 1
    head, rows = found.renders[0], len(found.renders)
    kind = simulation.kinds.of(simulation.ledger.jobs[head.job_id].arrival)
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
    simulation: Simulation,
    running_pool: RunningPool,
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
            simulation.connections.engine,
            settlements,
            simulation.clock_now,
            max_failures=simulation.options.max_failures,
            worker_id=worker.id,
            pool=running_pool.pool.entry.name,
            events=False,
        ).accepted
    )
    simulation.counted["void"] += len(renders) - len(accepted)
    for render, outcome, seconds in zip(renders, outcomes, shares, strict=True):
        if seconds is not None:
            simulation.ledger.used[simulation.ledger.jobs[render.job_id].arrival.project] += seconds
        if render.id not in accepted:
            continue  # a zombie's word: the farm has given the render to somebody else
        last = outcome is Outcome.FAILED and render.failures + 1 >= simulation.options.max_failures
        if outcome is Outcome.DONE or last:
            started_at = worker.busy_since
            simulation.ledger.end(render.job_id, render.index, started_at=started_at, now=simulation.now, failed=last)
            simulation.ended.append(render.id)
        else:
            put_waiting(simulation, running_pool.lane, simulation.ledger.jobs[render.job_id].arrival, 1)
    if simulation.pending[running_pool.lane]:
        wake(simulation, running_pool.lane, len(renders))
    if len(simulation.ended) >= _FORGET:
        forget(simulation)


def forget(simulation: Simulation) -> None:
    """Remove what has ended from SQL."""
    if simulation.ended:
        forget_ended(simulation.connections, simulation.ended)
        simulation.ended = []


def _outputs(render: ClaimedRender) -> list[Output]:
    return [Output(ArtifactKind.OUTPUT, StoredFile(key=f"{render.id}/{render.attempt}", **_FILE))]
