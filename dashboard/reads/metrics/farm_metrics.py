"""All that the dashboard shows Prometheus, read anew for each scrape: any of its processes gives the same answer."""

from collections.abc import Iterator
from importlib.metadata import version

import structlog
from sqlalchemy import Connection, func, select
from sqlalchemy.exc import SQLAlchemyError

from dashboard.readiness import Readiness, State
from dashboard.reads.metrics.lane_metrics import lane_samples
from dashboard.reads.metrics.pool_metrics import pool_samples
from dashboard.reads.metrics.samples import Sample
from farm.connections import Connections
from farm.database import read, trouble
from farm.metrics import farm_wide as metrics
from farm.tables import Job, Lease, Pool, WebhookDelivery

log = structlog.get_logger(__name__)

#: The lease of `leases` that the acting scheduler holds.
_SUPERVISOR = "supervisor"
#: Of jobs that have not ended.
_JOB_STATUSES = ("admitting", "open", "paused")


def farm_samples(connections: Connections, readiness: Readiness) -> list[Sample]:
    """The whole farm. While the database is away: only that it is, and how the other servers are."""
    samples = [Sample(metrics.BUILD_INFO, (version("latent-farm"),), 1)]
    for name, part in readiness.look(readiness.parts).items():
        if part.state is not State.UNSET:
            samples.append(Sample(metrics.PART_UP, (name,), part.ready))
    try:
        samples += _of_database(connections)
    except SQLAlchemyError as error:
        log.warning("metrics without the database", reason=trouble(error))
        return [*samples, Sample(metrics.READ_OK, (), 0)]
    return [*samples, Sample(metrics.READ_OK, (), 1)]


def _of_database(connections: Connections) -> list[Sample]:
    settings, now = connections.settings, connections.measured_time(older_than=10.0)
    with read(connections.engine) as connection:
        samples = [
            *lane_samples(connection, list(settings.class_shares), now),
            *pool_samples(connection, settings.currency, now, alive_since=now - settings.worker_gone_seconds),
            *_others(connection, now),
        ]
        pools = connection.scalars(select(Pool.name)).all()
    return samples + [Sample(metrics.RINGS, (pool,), connections.broker.queued_rings(pool)) for pool in pools]


def _others(connection: Connection, now: float) -> Iterator[Sample]:
    unfinished = select(Job.status, func.count()).where(Job.finished_at.is_(None)).group_by(Job.status)
    found = dict(connection.execute(unfinished).all())
    for status in _JOB_STATUSES:
        yield Sample(metrics.JOBS, (status,), found.get(status, 0))
    due = select(func.count()).select_from(WebhookDelivery).where(WebhookDelivery.next_attempt_at.is_not(None))
    yield Sample(metrics.DELIVERIES, (), connection.scalar(due) or 0)
    until = connection.scalar(select(Lease.until).where(Lease.name == _SUPERVISOR))
    yield Sample(metrics.SUPERVISED, (), until is not None and until > now)
