"""Pause a project: its flows compete no more, and flows that it gets later are born paused. One row each."""

from sqlalchemy import Connection, Select, select, update

from farm.audit.record import Action, record
from farm.connections import Connections
from farm.database import write
from farm.errors import NotFound
from farm.tables import Flow, Project
from scheduler.control.release_renders import wake_workers
from scheduler.fair_share.flows import wake_flow
from scheduler.fleet.wake_workers import notify


def pause_project(connections: Connections, project_id: str) -> None:
    """Nothing of this project is claimed any more; what runs goes on, and it may submit. Raises NotFound.

    A project that is paused already keeps the time of its first pause.
    """
    now = connections.clock()
    with write(connections.engine) as connection:
        # First the project: whoever makes a flow for it at this moment has it locked, and its flow is seen below.
        connection.execute(
            update(Project).where(Project.id == project_id, Project.paused_at.is_(None)).values(paused_at=now)
        )
        since = _paused_at(connection, project_id)
        _record(connection, Action.PROJECT_PAUSED, project_id, now)
        flows = connection.execute(_lock_flows(project_id)).all()
        waking = [flow.id for flow in flows if flow.paused_at is None]
        connection.execute(update(Flow).where(Flow.id.in_(waking)).values(paused_at=since, backlogged=False))
    notify(connections, lanes=[flow.lane for flow in flows])


def resume_project(connections: Connections, project_id: str) -> None:
    """The project competes again, from its classes' time: a pause saves up no turns. Raises NotFound.

    A flow that was paused for itself stays paused.
    """
    with write(connections.engine) as connection:
        since = _paused_at(connection, project_id, lock=True)
        connection.execute(update(Project).where(Project.id == project_id).values(paused_at=None))
        _record(connection, Action.PROJECT_RESUMED, project_id, connections.clock())
        flows = [flow for flow in connection.execute(_lock_flows(project_id)) if flow.paused_at == since]
        if since is None:
            return
        connection.execute(update(Flow).where(Flow.id.in_([flow.id for flow in flows])).values(paused_at=None))
        for flow in flows:
            wake_flow(connection, flow.id)
    for lane in sorted({flow.lane for flow in flows}):
        wake_workers(connections, lane)


def _record(connection: Connection, action: Action, project_id: str, at: float) -> None:
    name = connection.scalar(select(Project.name).where(Project.id == project_id))
    record(connection, action, name, at, project_id=project_id)


def _paused_at(connection: Connection, project_id: str, *, lock: bool = False) -> float | None:
    statement = select(Project.id, Project.paused_at).where(Project.id == project_id)
    if lock:
        statement = statement.with_for_update(key_share=True)
    found = connection.execute(statement).one_or_none()
    if found is None:
        raise NotFound(f"There is no project {project_id[:80]!r}.")
    paused_at: float | None = found.paused_at
    return paused_at


def _lock_flows(project_id: str) -> Select[str, str, float | None]:
    return (
        select(Flow.id, Flow.lane, Flow.paused_at)
        .where(Flow.project_id == project_id)
        .order_by(Flow.id)
        .with_for_update()
    )
