"""What an operator sets of a project: its weight, quotas, budget, and how long its jobs are kept."""

from typing import Any

from sqlalchemy import select, update

from farm.audit.record import Action, record
from farm.connections import Connections
from farm.database import write
from farm.errors import NotFound
from farm.tables import Flow, Project


def save_limits(connections: Connections, name: str, limits: dict[str, Any], weight: float | None) -> None:
    """Write limits and weight of a project; its flows have the weight at once. Raises NotFound."""
    with write(connections.engine) as connection:
        project_id = connection.scalar(select(Project.id).where(Project.name == name))
        if project_id is None:
            raise NotFound(f"There is no project named {name!r}; make one with `farm projects create`.")
        if weight is not None:
            limits = limits | {"weight": weight}
        if limits:
            connection.execute(update(Project).where(Project.id == project_id).values(limits))
        if weight is not None:
            connection.execute(update(Flow).where(Flow.project_id == project_id).values(weight=weight))
        told = {column: "none" if value is None else value for column, value in limits.items()}
        record(connection, Action.PROJECT_CHANGED, name, connections.clock(), project_id=project_id, **told)
