"""A farm without processes: the job database in memory, a virtual clock, no broker; admission as it is."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import delete, event, insert, select

from farm.broker import Broker
from farm.catalog import Catalog
from farm.connections import Connections
from farm.database import make_engine, read, write
from farm.ids import new_id
from farm.params import JobRequest
from farm.progress import ProgressBoard
from farm.settings import Settings
from farm.storage import Storage
from farm.tables import Artifact, Attempt, Base, Job, Project, Render
from scheduler.admission.submit import submit
from scheduler.fleet.catalog_sync import sync_catalog
from scheduler.simulate.fleet import Fleet
from scheduler.simulate.timing import request_document
from scheduler.simulate.traces.trace import Arrival

#: Midnight (UTC) of some day: where virtual time begins.
BEGIN = 20_833 * 86_400.0
_QUIET_LEVEL = 30  # warnings


class VirtualClock:
    """Stands still until somebody sets `now`."""

    def __init__(self) -> None:
        self.now = BEGIN

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class Admitted:
    """A job that was accepted."""

    job_id: str
    lane: str
    renders: int
    gpu_seconds: float  # of all, as estimated


@contextmanager
def open_farm(catalog: Catalog, fleet: Fleet, settings: Settings | None = None) -> Iterator[Connections]:
    """An empty farm in memory, with the lanes of the catalog and the pools of the fleet; quiet while it is open."""
    clock = VirtualClock()
    nowhere = {"data_dir": Path("/nonexistent"), "redis_url": None, "max_renders_per_job": 10_000}
    settings = (settings or Settings()).model_copy(update=nowhere)
    engine = make_engine("sqlite://")
    # Nothing here outlives the process, and what refers to what is checked where the code is tested.
    event.listen(engine, "connect", _fast)
    Base.metadata.create_all(engine)
    pools = {pool.entry.name: pool.entry for pool in fleet.pools}
    connections = Connections(
        settings=settings,
        catalog=Catalog(catalog.models, pools, catalog._merged),
        engine=engine,
        broker=Broker(settings),
        progress=ProgressBoard(None),
        storage=Storage(settings),
        clock=clock,
    )
    with _quiet():
        try:
            sync_catalog(engine, connections.catalog, clock())
            yield connections
        finally:
            connections.close()


def _fast(connection: Any, _: Any) -> None:
    # Without a journal nothing can be rolled back: whatever raises ends the simulation. It is a fifth of the time.
    for pragma in ("foreign_keys = OFF", "synchronous = OFF", "temp_store = MEMORY", "journal_mode = OFF"):
        connection.execute(f"PRAGMA {pragma}")


@contextmanager
def _quiet() -> Iterator[None]:
    """A hundred thousand jobs would say 'submitted' each."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(_QUIET_LEVEL))
    try:
        yield
    finally:
        structlog.configure(**before)


def add_project(connections: Connections, name: str, weight: float) -> str:
    """A project of this weight; returns its id."""
    project_id = new_id()
    row = {"id": project_id, "name": name, "weight": weight, "created_at": connections.clock()}
    with write(connections.engine) as connection:
        connection.execute(insert(Project), row)
    return project_id


def admit(connections: Connections, arrival: Arrival, *, project_id: str, class_name: str) -> list[Admitted]:
    """Submit what arrived through the real admission, in jobs as large as one may be."""
    entry = connections.catalog.model(arrival.model)
    most = connections.settings.max_renders_per_job
    admitted = []
    for part in range(math.ceil(arrival.renders / most)):
        renders = min(most, arrival.renders - part * most)
        request = JobRequest.model_validate(request_document(arrival, renders=renders, class_name=class_name))
        made = submit(
            connections,
            project_id=project_id,
            user_id=None,
            request=request,
            idempotency_key=None,
            body_sha256="0" * 64,
        )
        admitted.append(Admitted(made.job_id, entry.lane, renders, _estimate(connections, made.job_id)))
    return admitted


def _estimate(connections: Connections, job_id: str) -> float:
    with read(connections.engine) as connection:
        return connection.scalar(select(Job.estimate).where(Job.id == job_id)) or 0.0


def forget_ended(connections: Connections, render_ids: list[str]) -> None:
    """Remove renders that were settled, so that memory holds the unfinished ones only.

    Raises:
        RuntimeError: one of them is not there, or has not ended.
    """
    with write(connections.engine) as connection:
        connection.execute(delete(Attempt).where(Attempt.render_id.in_(render_ids)))
        connection.execute(delete(Artifact).where(Artifact.render_id.in_(render_ids)))
        ended = delete(Render).where(Render.id.in_(render_ids), Render.finished_at.is_not(None))
        removed = connection.execute(ended).rowcount
    if removed != len(render_ids):
        raise RuntimeError(f"{len(render_ids)} renders were settled, and only {removed} of them have ended in SQL.")


def ends_by_job(connections: Connections) -> dict[str, tuple[str, int, int]]:
    """What the farm's own database says: by job its status, and how many of its renders are done and failed."""
    with read(connections.engine) as connection:
        rows = connection.execute(select(Job.id, Job.status, Job.renders_done, Job.renders_failed))
        return {job_id: (status, done, failed) for job_id, status, done, failed in rows}


def unfinished(connections: Connections) -> int:
    """Renders in SQL that have not ended."""
    with read(connections.engine) as connection:
        return len(connection.execute(select(Render.id).where(Render.finished_at.is_(None))).all())
