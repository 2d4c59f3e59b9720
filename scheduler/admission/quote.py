"""What a request would be, cost and take, before it is accepted: the answer to a dry run. Nothing is written."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection, select

from farm.catalog import ModelEntry
from farm.connections import Connections
from farm.database import read
from farm.errors import NotFound
from farm.params import JobRequest, Renders, Resolved, Shape, resolve, shape_of
from farm.sentences import sentence
from farm.tables import Flow, Project
from scheduler.admission.feasibility import check_can_run, check_can_sign, missing_weights
from scheduler.estimates.pool_times import Range
from scheduler.fleet.catalog_sync import sync_catalog
from scheduler.forecasts.lane_snapshot import LaneSnapshot, look
from scheduler.forecasts.ranges import last_batch, of_many
from scheduler.forecasts.start_times import FlowWork, Forecast, Wanted, forecast
from scheduler.uploads import finder

#: A flow that is not there yet.
_NEW_FLOW = "new"
#: Renders that differ in more than prompt and seed: so many are estimated in a few milliseconds.
_FEW_KINDS = 20


@dataclass(frozen=True)
class QuotedShape:
    """So many renders of one shape, as the model renders it: pixels and frames."""

    width: int
    height: int
    frames: int
    renders: int


@dataclass(frozen=True)
class Quote:
    """What a job would be. `money` and `watt_hours` are of the likely GPU-seconds; lengths of time are seconds."""

    renders: int
    shapes: Sequence[QuotedShape]
    gpu_seconds: Range
    money: float
    currency: str
    watt_hours: float
    starts_in: Range | None  # none: no worker is there to say
    done_in: Range | None
    notices: Sequence[str]


def quote(connections: Connections, *, project_id: str, request: JobRequest, resolved: Resolved | None = None) -> Quote:
    """What this request would become, cost and take if it were submitted now. Seeds are not drawn for it.

    `resolved`: its renders, from a caller that had to look at them already.

    Raises:
        InvalidRequest: the request breaks rules, or nothing could ever render it; every fault is listed.
        NotFound: there is no such project.
    """
    entry = connections.catalog.model(request.model)
    resolved = resolved or resolve(
        request,
        entry,
        max_renders=connections.settings.max_renders_per_job,
        draw_seed=lambda: 0,
        now=connections.clock(),
        find_input=finder(connections, project_id),
    )
    check_can_run(connections.catalog, entry)
    check_can_sign(connections, project_id, connections.clock())
    settings, now = connections.settings, connections.clock()
    with read(connections.engine) as connection:
        known = _weight_and_flow(connection, project_id, entry.lane, request.class_name)
        snapshot = look(connection, connections.catalog, entry, now, settings.worker_gone_seconds)
    if not snapshot.pools:  # the catalog grew since this farm was started
        sync_catalog(connections.engine, connections.catalog, now)
        with read(connections.engine) as connection:
            snapshot = look(connection, connections.catalog, entry, now, settings.worker_gone_seconds)
    make = partial(_look_at_all, entry, resolved.renders, snapshot)
    few = len(resolved.renders.kinds()) <= _FEW_KINDS
    gpu_seconds, shapes = make() if few else connections.cpu_work(make)
    rates = snapshot.rates()
    told = _when(entry, snapshot, gpu_seconds, len(resolved.renders), request.class_name, known, settings.class_shares)
    return Quote(
        renders=len(resolved.renders),
        shapes=shapes,
        gpu_seconds=gpu_seconds,
        money=rates.money(gpu_seconds.likely),
        currency=settings.currency,
        watt_hours=rates.watt_hours(gpu_seconds.likely),
        starts_in=told.starts_in if told else None,
        done_in=told.done_in if told else None,
        notices=[*resolved.notices, *missing_weights(request, settings), *notices(entry, snapshot)],
    )


def notices(entry: ModelEntry, snapshot: LaneSnapshot) -> list[str]:
    """What whoever submits now should know about who is there to render it."""
    if snapshot.paused:
        return [
            sentence(
                "The lane %(lane)s is paused: nothing of it starts until an operator resumes it.",
                lane=snapshot.backlog.lane,
            )
        ]
    if snapshot.pools and not snapshot.open_pools:
        return [
            sentence(
                "All pools that serve %(model)s are paused: nothing starts until an operator resumes one.",
                model=entry.name,
            )
        ]
    if (unstored := snapshot.unstored) is not None:
        return [
            sentence(
                "Nothing that is rendered for %(model)s can be stored now: the object storage %(trouble)s.",
                model=entry.name,
                trouble=unstored.said,
            )
        ]
    if any(pool.ready for pool in snapshot.open_pools):
        return []
    if any(pool.starting or pool.wanted for pool in snapshot.open_pools):
        return [sentence("No worker for %(model)s is ready yet; some are starting.", model=entry.name)]
    if any(pool.scaled for pool in snapshot.open_pools):
        return [sentence("No worker for %(model)s is running now; one will be started for this.", model=entry.name)]
    if any(pool.quarantined for pool in snapshot.open_pools):
        return [
            sentence(
                "Every worker for %(model)s is quarantined: it waits until an operator looks at them.", model=entry.name
            )
        ]
    return [sentence("No worker for %(model)s is running now: it waits until one is started.", model=entry.name)]


def _weight_and_flow(connection: Connection, project_id: str, lane: str, class_name: str) -> tuple[float, str]:
    weight = connection.scalar(select(Project.weight).where(Project.id == project_id))
    if weight is None:
        raise NotFound("There is no such project.")
    flow_id = connection.scalar(
        select(Flow.id).where(Flow.lane == lane, Flow.project_id == project_id, Flow.class_name == class_name)
    )
    return weight, flow_id or _NEW_FLOW


def _look_at_all(entry: ModelEntry, renders: Renders, snapshot: LaneSnapshot) -> tuple[Range, list[QuotedShape]]:
    return _estimate(entry, renders, snapshot), _shapes(entry, renders)


def _estimate(entry: ModelEntry, renders: Renders, snapshot: LaneSnapshot) -> Range:
    """GPU-seconds of all renders. Those that differ in prompt and seed only are estimated once."""
    estimator = snapshot.estimator()
    whole = Range(0.0, 0.0, 0.0)
    for parameters, count in renders.kinds():
        one = estimator.range(entry, shape_of(parameters, entry), parameters)
        whole += of_many(one, count, learnt=estimator.learnt())
    return whole


def _shapes(entry: ModelEntry, renders: Renders) -> list[QuotedShape]:
    found: Counter[Shape] = Counter()
    for parameters, count in renders.kinds():
        found[shape_of(parameters, entry)] += count
    return [QuotedShape(shape.width, shape.height, shape.frames, count) for shape, count in found.items()]


def _when(
    entry: ModelEntry,
    snapshot: LaneSnapshot,
    gpu_seconds: Range,
    renders: int,
    class_name: str,
    known: tuple[float, str],
    shares: dict[str, float],
) -> Forecast | None:
    if snapshot.paused or snapshot.unstored is not None:
        return None
    weight, flow_id = known
    flows = [flow for flow in snapshot.flows() if flow.flow_id != flow_id]
    mine = next(
        (flow for flow in snapshot.flows() if flow.flow_id == flow_id), FlowWork(flow_id, class_name, weight, 0.0)
    )
    batch, turnaround = last_batch(snapshot, entry, gpu_seconds.likely / renders, renders)
    wanted = Wanted(
        flow_id=flow_id,
        before=mine.gpu_seconds,
        own=gpu_seconds.likely,
        last_batch=batch,
        turnaround=turnaround,
        work=Range(gpu_seconds.low / gpu_seconds.likely, 1.0, gpu_seconds.high / gpu_seconds.likely),
    )
    mine = FlowWork(flow_id, class_name, weight, mine.gpu_seconds + gpu_seconds.likely)
    return forecast(
        wanted, [*flows, mine], snapshot.backlog.running.gpu_seconds, snapshot.workers(), shares, idle=snapshot.idle
    )
