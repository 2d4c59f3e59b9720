"""GET /api/v1/projects/{name}/members: the people of a project."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint

from dashboard.api.common import PROJECTS, NamePath, reply
from dashboard.auth import project_named
from dashboard.context import farm
from dashboard.schemas import Member, MemberList
from farm import accounts
from farm.security import Role


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.get("/projects/<path:name>/members", tags=[PROJECTS], responses={200: MemberList})
    def get_project_members(path: NamePath) -> Response:
        """List the people of a project: one's own, or for operators and admins any."""
        project_named(path.name)
        rows = accounts.list_users(farm().engine, path.name, clock=farm().clock)
        members = [Member(name=row.name, role=Role(row.role), disabled=row.disabled_at is not None) for row in rows]
        return reply(MemberList(items=members))
