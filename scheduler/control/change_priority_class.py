"""Change the class of a job: what waits goes over to the project's flow of that class; what runs ends where it is.

Charges stay right by themselves: a render is charged to the flow in which it was claimed, and was not charged before.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, select, update

from farm.connections import Connections
from farm.database import read, write
from farm.did_you_mean import did_you_mean
from farm.errors import Conflict, Fault, InvalidRequest
from farm.lifecycle import JOB_ENDED, RenderStatus
from farm.tables import Job, Project, Render
from scheduler.control.bulk_transition import QUEUED, LockedRender, in_chunks, lock_renders, wake_flows_of
from scheduler.control.job_update import enter, lock_status
from scheduler.control.lookup import FoundJob, find_job_to_change
from scheduler.control.release_renders import ring_for
from scheduler.fair_share.flows import ensure_flow
from scheduler.fleet.wake_workers import notify


def change_class(connections: Connections, job_id: str, class_name: str, project_id: str | None = None) -> int:
    """Move the job's pending and held renders to the flow of another class; returns how many.

    In chunks: after a crash, ask for the same again. A render that its worker gives back later keeps the class in which
    it was claimed; asking again moves it too.

    Raises:
        NotFound: the project (None: an operator) sees no such job.
        Conflict: the job has ended.
        InvalidRequest: there is no such class.
    """
    shares = connections.settings.class_shares
    if class_name not in shares:
        raise InvalidRequest([Fault("/class", f"{class_name[:40]!r} is no class; {did_you_mean(class_name, shares)}")])
    with read(connections.engine) as connection:
        job = find_job_to_change(connection, job_id, project_id)
    flow_id = _point_job_to(connections, job, class_name)

    def step(behind: int) -> Sequence[LockedRender]:
        elsewhere = Render.flow_id != flow_id
        with write(connections.engine) as connection:
            renders = lock_renders(
                connection, Render.job_id == job.id, elsewhere, Render.lane == job.lane, status=QUEUED, behind=behind
            )
            if not renders:
                return []
            ids = [render.id for render in renders]
            connection.execute(update(Render).where(Render.id.in_(ids)).values(flow_id=flow_id))
            indexes = [render.index for render in renders]
            changed = enter(connection, job.id, "reclassed", indexes=indexes, now=connections.clock())
            if any(render.status is RenderStatus.PENDING for render in renders):
                wake_flows_of(connection, [flow_id])
        notify(connections, lanes=[job.lane], changed=[changed])
        return renders

    moved = in_chunks(step)
    ring_for(connections, job.lane, moved)
    return moved


def _point_job_to(connections: Connections, job: FoundJob, class_name: str) -> str:
    """The job belongs to the flow of the class from now on; returns the flow's id."""
    with write(connections.engine) as connection:
        flow_id = _flow(connection, job, class_name)
        status = lock_status(connection, job.id)
        if status in JOB_ENDED:
            raise Conflict(f"Job {job.id} has ended ({status}); nothing of it waits.")
        connection.execute(update(Job).where(Job.id == job.id).values(flow_id=flow_id))
    return flow_id


def _flow(connection: Connection, job: FoundJob, class_name: str) -> str:
    weight = connection.execute(select(Project.weight).where(Project.id == job.project_id)).scalar_one()
    return ensure_flow(connection, lane=job.lane, project_id=job.project_id, class_name=class_name, weight=weight)
