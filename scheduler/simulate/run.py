"""Run a simulation: everything that happens, in order, until all that was submitted has ended."""

import resource
import time
from collections.abc import Callable

import numpy as np

from farm.catalog import Catalog, load_catalog
from farm.settings import Settings
from scheduler.maintenance import fold_charges, learn_estimates
from scheduler.simulate import faults, scaling, virtual_worker
from scheduler.simulate.event_queue import Options, Simulation
from scheduler.simulate.fleet import Fleet
from scheduler.simulate.in_memory_farm import add_project, admit, ends_by_job, open_farm, unfinished
from scheduler.simulate.ledger import JobLedger, Waits
from scheduler.simulate.policies import OURS, Policy
from scheduler.simulate.results.result import Floats, Result, Sample
from scheduler.simulate.traces.trace import Arrival, Trace
from scheduler.simulate.virtual_pool import Doing

_EVERYBODY = "everybody"
#: So far apart that a class waits while there is anything of the one before.
_STRICT_SHARES = {"urgent": 1e6, "normal": 1e3, "bulk": 1.0}


def run(
    trace: Trace,
    fleet: Fleet,
    policy: Policy = OURS,
    options: Options | None = None,
    *,
    settings: Settings | None = None,
    catalog: Catalog | None = None,
) -> Result:
    """Play a trace on a fleet under a policy. The same arguments give the same result.

    Raises:
        LostOrDoubled: a render was lost, or ended twice.
        InvalidRequest: the trace asks for what a model cannot render.
    """
    options = options or Options()
    settings = settings or Settings()
    if policy.order == "class":
        settings = settings.model_copy(update={"class_shares": _STRICT_SHARES})
    catalog = catalog or load_catalog(settings)
    began = time.perf_counter()
    with open_farm(catalog, fleet, settings) as connections:
        simulation = Simulation(connections, fleet, policy, options)
        _simulate(simulation, trace)
        virtual_worker.forget(simulation)
        simulation.ledger.check(ends_by_job(connections), unfinished(connections))
    return _result(simulation, time.perf_counter() - began)


def _simulate(simulation: Simulation, trace: Trace) -> None:
    for running_pool in simulation.running_pools:
        for _ in range(running_pool.pool.workers):
            virtual_worker.hire(simulation, running_pool, ready=True)
    simulation.arriving = len(trace)
    for arrival in trace:
        simulation.at(arrival.at, "arrive", arrival)
    simulation.at(0.0, "sample")
    simulation.soon(simulation.options.duty_seconds, "duties")
    scaling.begin(simulation)
    while not simulation.over and (happening := simulation.next()) is not None:
        _HAPPENS[happening.name](simulation, *happening.to)


def _arrive(simulation: Simulation, arrival: Arrival) -> None:
    simulation.arriving -= 1
    order = simulation.policy.order
    project = arrival.project if order == "fair" else _EVERYBODY
    class_name = "normal" if order == "arrival" else arrival.class_name
    connections = simulation.connections
    if project not in simulation.projects:
        simulation.projects[project] = add_project(connections, project, simulation.options.weights.get(project, 1.0))
    kind = simulation.kinds.of(arrival)
    for job in admit(connections, arrival, project_id=simulation.projects[project], class_name=class_name):
        book = JobLedger(arrival, kind.seconds_alone, bytearray(job.renders))
        simulation.ledger.admit(job.job_id, book)
        virtual_worker.put_waiting(simulation, job.lane, arrival, job.renders)
        for running_pool in simulation.running_pools:
            if running_pool.lane == job.lane:
                running_pool.arrived_gpu_seconds += job.gpu_seconds
        virtual_worker.wake(simulation, job.lane, job.renders)


def _sample(simulation: Simulation) -> None:
    """A point of the plots."""
    workers = [worker for running_pool in simulation.running_pools for worker in running_pool.workers.values()]
    simulation.samples.append(
        Sample(
            at=simulation.now,
            waiting=sum(simulation.pending.values()),
            ready=sum(worker.ready_at is not None for worker in workers),
            paid=len(workers),
            busy=sum(worker.doing is Doing.BUSY for worker in workers),
        )
    )
    simulation.soon(simulation.options.sample_seconds, "sample")


def _duties(simulation: Simulation) -> None:
    """What the supervisor does now and then, as far as it concerns what is simulated."""
    for duty in (learn_estimates, fold_charges):
        duty.one_pass(simulation.connections, simulation.clock_now)
    for running_pool in simulation.running_pools:
        running_pool.observed = 0
    simulation.soon(simulation.options.duty_seconds, "duties")


_HAPPENS: dict[str, Callable[..., None]] = {
    "arrive": _arrive,
    "sample": _sample,
    "duties": _duties,
    "hire": virtual_worker.hire,
    "ready": virtual_worker.start,
    "finish": virtual_worker.finish,
    "crash": faults.crash,
    "stall": faults.stall,
    "zombie": faults.zombie,
    "preempt": faults.preempt,
    "evict": faults.evict,
    "reap": faults.reap_lost,
    "scale": scaling.scale,
}


def _result(simulation: Simulation, wall_seconds: float) -> Result:
    ledger, running_pools, counted, now = (
        simulation.ledger,
        simulation.running_pools,
        simulation.counted,
        simulation.now,
    )
    ready = sum(running_pool.ready_seconds(now) for running_pool in running_pools)
    return Result(
        policy=simulation.policy.name,
        submitted=ledger.submitted,
        done=ledger.done,
        failed=ledger.failed,
        lost=ledger.open,
        doubled=ledger.doubled,
        seconds=now,
        started_after=_arrays(ledger.started_after),
        done_after=_arrays(ledger.done_after),
        used=dict(ledger.used),
        jain=simulation.contention.jain(simulation.options.weights),
        utilisation=sum(running_pool.busy_seconds() for running_pool in running_pools) / ready if ready else 0.0,
        fill=counted["claimed"] / counted["slots"] if counted["slots"] else 0.0,
        claims=counted["claims"],
        gpu_hours=sum(running_pool.paid_seconds(now) for running_pool in running_pools) / 3600,
        cost=sum(running_pool.money(now) for running_pool in running_pools),
        workers=sum(running_pool.started for running_pool in running_pools),
        crashes=counted["crashes"],
        stalls=counted["stalls"],
        preemptions=counted["preemptions"],
        void=counted["void"],
        samples=tuple(simulation.samples),
        wall_seconds=wall_seconds,
        peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    )


def _arrays(waits: Waits) -> dict[str, Floats]:
    return {name: np.frombuffer(values, dtype=np.float32).copy() for name, values in waits.items()}
