"""GET /api/v1/projects: the projects that one may see."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint

from dashboard.api.common import PROJECTS
from dashboard.api.versions import tagged
from dashboard.auth import may, principal
from dashboard.context import farm
from dashboard.schemas import ProjectList
from dashboard.schemas.users import shown_project
from farm import accounts
from farm.security import Scope


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.get("/projects", tags=[PROJECTS], responses={200: ProjectList, 304: None})
    def get_projects() -> Response:
        """List projects, by name: for operators and admins all, for others their own."""
        who = principal()
        rows = accounts.list_projects(farm().engine)
        seen = [row for row in rows if may(Scope.OPERATE) or row.id == who.project_id]
        return tagged(ProjectList(items=[shown_project(row) for row in seen]))
