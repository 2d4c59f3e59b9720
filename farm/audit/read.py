"""The audit log as it is read: the newest entry first, by filters."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from farm.audit.record import Action
from farm.tables import AuditEntry, Project


@dataclass(frozen=True)
class AuditFilter:
    """Which entries: all that is given must hold. Times are seconds since 1970."""

    action: Action | None = None
    actor: str | None = None
    target: str | None = None
    project: str | None = None  # its name
    since: float | None = None
    until: float | None = None


@dataclass(frozen=True)
class AuditRow:
    """An entry."""

    id: str
    at: float
    action: str
    actor: str
    user_id: str | None
    key_id: str | None
    via: str
    address: str | None
    request_id: str | None
    project: str | None
    target: str | None
    details: dict[str, Any]


def read_audit(connection: Connection, chosen: AuditFilter, *, before: str | None, limit: int) -> list[AuditRow]:
    """At most `limit` entries, older than the entry `before`. Walks the primary key backwards: ids count up."""
    entry = AuditEntry
    columns = [entry.id, entry.at, entry.action, entry.actor, entry.user_id, entry.key_id, entry.via, entry.address]
    wanted = {
        entry.action: chosen.action and chosen.action.value,
        entry.actor: chosen.actor,
        entry.target: chosen.target,
        Project.name: chosen.project,
    }
    bounds = [
        None if before is None else entry.id < before,
        None if chosen.since is None else entry.at >= chosen.since,
        None if chosen.until is None else entry.at < chosen.until,
    ]
    statement = (
        select(*columns, entry.request_id, Project.name.label("project"), entry.target, entry.details)
        .outerjoin(Project, Project.id == entry.project_id)
        .where(*(column == value for column, value in wanted.items() if value is not None))
        .where(*(bound for bound in bounds if bound is not None))
        .order_by(entry.id.desc())
        .limit(limit)
    )
    return [AuditRow(**row) for row in connection.execute(statement).mappings()]
