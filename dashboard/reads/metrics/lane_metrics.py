"""What waits, runs and ended lately in each lane, as samples for Prometheus. Seven statements."""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, func, select, tuple_

from dashboard.reads.metrics.samples import Sample
from farm.lifecycle import RenderStatus
from farm.metrics import farm_wide as metrics
from farm.tables import Event, Flow, Job, Lane, Render
from scheduler.forecasts.backlog import Work, backlogs

#: What happens to renders, as events name it.
EVENTS = ("done", "drafted", "failed", "cancelled", "expired", "retried", "returned", "lost")
#: So many of the renders that ended last are asked how long they had waited.
_ASKED = 500


def lane_samples(connection: Connection, classes: Sequence[str], now: float) -> Iterator[Sample]:
    """Of every lane that the farm knows, also of those with nothing to do."""
    lanes = {row.name: row.paused_at for row in connection.execute(select(Lane.name, Lane.paused_at))}
    for lane, paused_at in lanes.items():
        yield Sample(metrics.LANE_PAUSED, (lane,), paused_at is not None)
    yield from _backlog(connection, list(lanes), classes, now)
    yield from _recent_events(connection, list(lanes), now)
    yield from _recent_waits(connection, now)


def _backlog(connection: Connection, lanes: Sequence[str], classes: Sequence[str], now: float) -> Iterator[Sample]:
    """Flows of one class together: a flow is a project's, and projects are nobody's affair here."""
    found = backlogs(connection, now)
    for lane in lanes:
        flows = list(found[lane].by_flow.values()) if lane in found else []
        for name in dict.fromkeys([*classes, *(flow.class_name for flow in flows)]):
            these = [flow for flow in flows if flow.class_name == name]
            waiting = sum((flow.waiting for flow in these), Work())
            oldest = min((flow.oldest_at for flow in these if flow.oldest_at is not None), default=now)
            at = (lane, name)
            yield Sample(metrics.WAITING, at, waiting.renders)
            yield Sample(metrics.WAITING_SECONDS, at, waiting.gpu_seconds)
            yield Sample(metrics.OLDEST, at, max(0.0, now - oldest))
            yield Sample(metrics.RUNNING, at, sum(flow.running.renders for flow in these))
            yield Sample(metrics.HELD, at, sum(flow.held.renders for flow in these))


def _recent_events(connection: Connection, lanes: Sequence[str], now: float) -> Iterator[Sample]:
    """Reads ix_events_at; how many renders an event speaks of stands in it."""
    if connection.dialect.name == "postgresql":
        renders = func.jsonb_array_length(Event.payload["renders"])
    else:
        renders = func.json_array_length(Event.payload, "$.renders")
    statement = (
        select(Job.lane, Event.kind, func.sum(renders))
        .join(Job, Job.id == Event.job_id)
        .where(Event.at > now - metrics.RECENT_SECONDS, Event.kind.in_(EVENTS))
        .group_by(Job.lane, Event.kind)
    )
    counted = {(lane, kind): int(count or 0) for lane, kind, count in connection.execute(statement)}
    for lane in lanes:
        for kind in EVENTS:
            yield Sample(metrics.RECENT, (lane, kind), counted.get((lane, kind), 0))


def _recent_waits(connection: Connection, now: float) -> Iterator[Sample]:
    """Of the renders that were done last; reads ix_events_at, and the renders by job and index."""
    done = (
        select(Event.job_id, Event.payload)
        .where(Event.at > now - metrics.RECENT_SECONDS, Event.kind == RenderStatus.DONE.value)
        .order_by(Event.at.desc())
        .limit(_ASKED)
    )
    places = [(row.job_id, index) for row in connection.execute(done) for index in row.payload.get("renders", ())]
    if not places:
        return
    statement = (
        select(Flow.lane, Flow.class_name, Render.started_at - Render.created_at)
        .join(Flow, Flow.id == Render.flow_id)
        .where(tuple_(Render.job_id, Render.index).in_(places[:_ASKED]), Render.started_at.is_not(None))
    )
    waits: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    for lane, class_name, waited in connection.execute(statement):
        waits[lane, class_name].append(max(0.0, waited or 0.0))
    for at, found in waits.items():
        yield Sample(metrics.WAIT_MEDIAN, at, _quantile(found, 0.5))
        yield Sample(metrics.WAIT_HIGH, at, _quantile(found, 0.95))


def _quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that this share of them does not exceed."""
    return sorted(values)[math.ceil(share * len(values)) - 1]
