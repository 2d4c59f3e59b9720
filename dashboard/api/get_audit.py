"""GET /api/v1/audit: who did what to what."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import Field

from dashboard.api.common import USERS, Instant, Line, PageQuery, reply, seconds
from dashboard.context import farm
from dashboard.cursors import NewestFirst, older_than, read_older_than
from dashboard.schemas import AuditPage
from dashboard.schemas.audit import shown_entry
from farm.audit.read import AuditFilter, read_audit
from farm.audit.record import Action
from farm.database import read


class AuditQuery(PageQuery):
    """Which entries: all that is given must hold."""

    action: Action | None = Field(None, description="Only this action")
    actor: Line | None = Field(None, description="Only what this user, key or operating system's user did")
    target: Line | None = Field(None, description="Only what was done to this: a name or an id")
    project: Line | None = Field(None, description="Only what concerns this project, by its name")
    since: Instant | None = Field(None, description="Only what was done then or later; ISO 8601 with zone")
    until: Instant | None = Field(None, description="Only what was done before; ISO 8601 with zone")


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.get("/audit", tags=[USERS], responses={200: AuditPage})
    def get_audit(query: AuditQuery) -> Response:
        """List the audit log, the newest entry first: who did what to what, when, and from where. For admins."""
        chosen = AuditFilter(
            action=query.action,
            actor=query.actor,
            target=query.target,
            project=query.project,
            since=seconds(query.since),
            until=seconds(query.until),
        )
        before = read_older_than(NewestFirst.AUDIT, query.cursor)
        with read(farm().engine) as connection:
            rows = read_audit(connection, chosen, before=before, limit=query.limit + 1)
        shown = rows[: query.limit]
        behind = older_than(NewestFirst.AUDIT, shown[-1].id) if len(rows) > query.limit else None
        return reply(AuditPage(items=[shown_entry(row) for row in shown], next_cursor=behind))
