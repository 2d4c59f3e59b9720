"""Projects by name, and what they may have."""

from sqlalchemy import Connection, select

from dashboard import schemas
from dashboard.context import farm
from dashboard.times import iso
from farm.tables import Project
from scheduler.accounting.quotas import quota_use


def find_project(connection: Connection, name: str) -> str | None:
    """The id of the project of this name, or None. One statement."""
    return connection.scalar(select(Project.id).where(Project.name == name))


def read_quota(connection: Connection, project_id: str, now: float) -> schemas.Quota:
    """The project's limits and use. Raises NotFound."""
    found = quota_use(connection, project_id, now)
    return schemas.Quota(
        max_pending=found.max_pending,
        pending=found.waiting.pending,
        max_running=found.max_running,
        running=found.waiting.running,
        gpu_seconds_per_day=found.gpu_seconds_per_day,
        gpu_seconds_today=found.today.gpu_seconds,
        gpu_seconds_admitted=found.waiting.gpu_seconds,
        day_ends=iso(found.day_ends),
        budget=found.budget,
        money_spent=found.spent.money,
        money_admitted=found.waiting.money,
        currency=farm().settings.currency,
        gpu_seconds=found.spent.gpu_seconds,
        watt_hours=found.spent.watt_hours,
        renders=found.spent.renders,
    )
