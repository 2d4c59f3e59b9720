"""Move a job to another lane: another model of its family, or the same model at another precision.

What waits is looked at by request validation for the other model before anything is moved, and moves in chunks; what
runs ends where it is, and is charged there.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from farm.catalog import ModelEntry
from farm.connections import Connections
from farm.database import read, write
from farm.errors import Conflict, Fault, InvalidRequest
from farm.lifecycle import JOB_ENDED, RenderStatus
from farm.params import RenderParameters
from farm.params.model_change_checks import ModelChangeChecks
from farm.tables import Flow, Job, Lane, Project, Render
from scheduler.admission.feasibility import check_can_run
from scheduler.admission.render_rows import derived
from scheduler.control.bulk_transition import CHUNK, QUEUED, LockedRender, in_chunks, lock_renders, wake_flows_of
from scheduler.control.job_update import enter, lock_status
from scheduler.control.lookup import FoundJob, find_job_to_change
from scheduler.control.release_renders import ring_for
from scheduler.estimates.estimator import Estimator, load
from scheduler.fair_share.flows import ensure_flow
from scheduler.fleet.catalog_sync import sync_catalog
from scheduler.fleet.wake_workers import notify
from scheduler.uploads import finder

_COLUMNS = ("flow_id", "lane", "batch_key", "width", "height", "frames", "estimate", "batch_limit", "parameters")
#: By primary key; the row is locked, and waits.
_MOVE = (
    update(Render)
    .where(Render.id == bindparam("of_render"))
    .values({name: bindparam(f"new_{name}", type_=getattr(Render, name).type) for name in _COLUMNS})
)


def transfer_job(connections: Connections, job_id: str, model: str, project_id: str | None = None) -> int:
    """Move the job's pending and held renders to the lane of another model; returns how many.

    Batch key, shape, estimate and batch limit are computed anew. In chunks: after a crash, ask for the same again.

    Raises:
        NotFound: the project (None: an operator) sees no such job.
        Conflict: the job has ended.
        InvalidRequest: no pool serves the other model, or it would not render them as they were asked for; every
            fault is listed, once. UnknownModel is one kind of it.
    """
    entry = connections.catalog.model(model)
    check_can_run(connections.catalog, entry)
    with read(connections.engine) as connection:
        job = find_job_to_change(connection, job_id, project_id)
        known = connection.scalar(select(Lane.name).where(Lane.name == entry.lane)) is not None
    checks = ModelChangeChecks(entry, finder(connections, job.project_id))
    _look_at_all(connections, job, entry, checks)
    if not known:  # the catalog grew since this farm was started
        sync_catalog(connections.engine, connections.catalog, connections.clock())
    flow_id = _point_job_to(connections, job, entry)
    with read(connections.engine) as connection:
        estimator = load(connection, entry)

    def step(behind: int) -> Sequence[LockedRender]:
        with write(connections.engine) as connection:
            renders = lock_renders(
                connection, Render.job_id == job.id, Render.lane != entry.lane, status=QUEUED, behind=behind
            )
            if not renders:
                return []
            gained = _move(connection, renders, flow_id, entry, checks, estimator)
            indexes = [render.index for render in renders]
            changed = enter(connection, job.id, "moved", indexes=indexes, now=connections.clock())
            connection.execute(update(Job).where(Job.id == job.id).values(estimate=Job.estimate + gained))
            if any(render.status is RenderStatus.PENDING for render in renders):
                wake_flows_of(connection, [flow_id])
        notify(connections, lanes={job.lane, entry.lane}, changed=[changed])
        return renders

    moved = in_chunks(step)
    ring_for(connections, entry.lane, moved)
    return moved


def _look_at_all(connections: Connections, job: FoundJob, entry: ModelEntry, checks: ModelChangeChecks) -> None:
    """Raises InvalidRequest with all faults of all renders that would be moved; what is the same is said once."""
    faults: dict[Fault, None] = {}
    behind = -1
    while True:
        with read(connections.engine) as connection:
            rows = connection.execute(_queued(job, entry, behind)).all()
        if not rows:
            break
        for _, parameters in rows:
            checked = checks.check(parameters)
            if isinstance(checked, list):
                faults |= dict.fromkeys(checked)
        behind = rows[-1][0]
    if faults:
        raise InvalidRequest(list(faults), f"{entry.name} would not render all of job {job.id} as it was asked for.")


def _queued(job: FoundJob, entry: ModelEntry, behind: int) -> Any:
    states = sorted(state.value for state in QUEUED)
    return (
        select(Render.index, Render.parameters)
        .where(
            Render.job_id == job.id,
            Render.index > behind,
            Render.lane != entry.lane,
            Render.status.in_(states),
        )
        .order_by(Render.index)
        .limit(CHUNK)
    )


def _point_job_to(connections: Connections, job: FoundJob, entry: ModelEntry) -> str:
    """The job belongs to the other lane, in its class, from now on; returns its flow there."""
    with write(connections.engine) as connection:
        class_name, weight = connection.execute(
            select(Flow.class_name, Project.weight)
            .join(Project, Project.id == Flow.project_id)
            .where(Flow.id == select(Job.flow_id).where(Job.id == job.id).scalar_subquery())
        ).one()
        flow_id = ensure_flow(
            connection, lane=entry.lane, project_id=job.project_id, class_name=class_name, weight=weight
        )
        status = lock_status(connection, job.id)
        if status in JOB_ENDED:
            raise Conflict(f"Job {job.id} has ended ({status}); nothing of it waits.")
        connection.execute(
            update(Job).where(Job.id == job.id).values(flow_id=flow_id, lane=entry.lane, model=entry.name)
        )
    return flow_id


def _move(
    connection: Connection,
    renders: Sequence[LockedRender],
    flow_id: str,
    entry: ModelEntry,
    checks: ModelChangeChecks,
    estimator: Estimator,
) -> float:
    """Write the renders as the other model has them; returns by how many GPU-seconds their estimates grew."""
    rows = connection.execute(
        select(Render.id, Render.parameters, Render.estimate, Render.failures, Render.batch_limit).where(
            Render.id.in_([render.id for render in renders])
        )
    )
    moves: list[dict[str, Any]] = []
    gained = 0.0
    for row in rows:
        parameters = checks.check(row.parameters)
        if not isinstance(parameters, RenderParameters):  # one that came after the look
            raise InvalidRequest(parameters)
        new = derived(parameters, entry, estimator)
        if row.failures and row.batch_limit is not None:
            new["batch_limit"] = row.batch_limit  # a render that may be poison keeps its limit, wherever it goes
        gained += new["estimate"] - row.estimate
        values = {**new, "flow_id": flow_id, "lane": entry.lane, "parameters": parameters.model_dump(mode="json")}
        moves.append({"of_render": row.id} | {f"new_{name}": values[name] for name in _COLUMNS})
    connection.execute(_MOVE, sorted(moves, key=lambda move: str(move["of_render"])))
    return gained
