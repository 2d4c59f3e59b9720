"""Run a simulation: everything that happens, in order, until all that was submitted has ended."""

import resource
import time
from collections.abc import Callable

import numpy as np

from farm.catalog import Catalog, load_catalog
from farm.settings import Settings
from scheduler.maintenance import fold_charges, learn_estimates
from scheduler.simulate import faults, scaling, virtual_worker
from scheduler.simulate.event_queue import Options, World
from scheduler.simulate.fleet import Fleet
from scheduler.simulate.in_memory_farm import add_project, admit, ends_by_job, open_farm, unfinished
from scheduler.simulate.ledger import JobBook, Waits
from scheduler.simulate.policies import OURS, Policy
from scheduler.simulate.results import Floats, Result, Sample
from scheduler.simulate.traces.trace import Arrival, Trace
from scheduler.simulate.virtual_pool import Doing

_EVERYBODY = "everybody"


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
    catalog = catalog or load_catalog(settings)
    began = time.perf_counter()
    with open_farm(catalog, fleet, settings) as connections:
        world = World(connections, fleet, policy, options)
        _play(world, trace)
        virtual_worker.forget(world)
        world.books.check(ends_by_job(connections), unfinished(connections))
    return _result(world, time.perf_counter() - began)


def _play(world: World, trace: Trace) -> None:
    for crew in world.crews:
        for _ in range(crew.pool.workers):
            virtual_worker.hire(world, crew, ready=True)
    world.arriving = len(trace)
    for arrival in trace:
        world.at(arrival.at, "arrive", arrival)
    world.at(0.0, "sample")
    world.soon(world.options.duty_seconds, "duties")
    scaling.begin(world)
    while not world.over and (happening := world.next()) is not None:
        _HAPPENS[happening.name](world, *happening.to)


def _arrive(world: World, arrival: Arrival) -> None:
    world.arriving -= 1
    fair = world.policy.order == "fair"
    project, class_name = (arrival.project, arrival.class_name) if fair else (_EVERYBODY, "normal")
    connections = world.connections
    if project not in world.projects:
        world.projects[project] = add_project(connections, project, world.options.weights.get(project, 1.0))
    kind = world.kinds.of(arrival)
    for job in admit(connections, arrival, project_id=world.projects[project], class_name=class_name):
        book = JobBook(arrival, kind.seconds_alone, bytearray(job.renders))
        world.books.admit(job.job_id, book)
        virtual_worker.put_waiting(world, job.lane, arrival, job.renders)
        for crew in world.crews:
            if crew.lane == job.lane:
                crew.arrived_gpu_seconds += job.gpu_seconds
        virtual_worker.wake(world, job.lane, job.renders)


def _sample(world: World) -> None:
    """A point of the plots."""
    workers = [worker for crew in world.crews for worker in crew.workers.values()]
    world.samples.append(
        Sample(
            at=world.now,
            waiting=sum(world.pending.values()),
            ready=sum(worker.ready_at is not None for worker in workers),
            paid=len(workers),
            busy=sum(worker.doing is Doing.BUSY for worker in workers),
        )
    )
    world.soon(world.options.sample_seconds, "sample")


def _duties(world: World) -> None:
    """What the supervisor does now and then, as far as it concerns what is simulated."""
    for duty in (learn_estimates, fold_charges):
        duty.one_pass(world.connections, world.clock_now)
    for crew in world.crews:
        crew.observed = 0
    world.soon(world.options.duty_seconds, "duties")


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


def _result(world: World, wall_seconds: float) -> Result:
    books, crews, counted, now = world.books, world.crews, world.counted, world.now
    ready = sum(crew.ready_seconds(now) for crew in crews)
    return Result(
        policy=world.policy.name,
        submitted=books.submitted,
        done=books.done,
        failed=books.failed,
        lost=books.open,
        doubled=books.doubled,
        seconds=now,
        started_after=_arrays(books.started_after),
        done_after=_arrays(books.done_after),
        used=dict(books.used),
        jain=world.contention.jain(world.options.weights),
        utilisation=sum(crew.busy_seconds() for crew in crews) / ready if ready else 0.0,
        fill=counted["claimed"] / counted["seats"] if counted["seats"] else 0.0,
        claims=counted["claims"],
        gpu_hours=sum(crew.paid_seconds(now) for crew in crews) / 3600,
        cost=sum(crew.money(now) for crew in crews),
        workers=sum(crew.started for crew in crews),
        crashes=counted["crashes"],
        stalls=counted["stalls"],
        preemptions=counted["preemptions"],
        void=counted["void"],
        samples=tuple(world.samples),
        wall_seconds=wall_seconds,
        peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    )


def _arrays(waits: Waits) -> dict[str, Floats]:
    return {name: np.frombuffer(values, dtype=np.float32).copy() for name, values in waits.items()}
