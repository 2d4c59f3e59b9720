"""GET /api/v1/projects/{name}: one project."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint

from dashboard.api.common import PROJECTS, NamePath
from dashboard.api.versions import tagged
from dashboard.auth import project_named, project_row
from dashboard.schemas import Project
from dashboard.schemas.users import shown_project


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.get("/projects/<path:name>", tags=[PROJECTS], responses={200: Project, 304: None})
    def get_project(path: NamePath) -> Response:
        """Read a project: one's own, or for operators and admins any. `GET /quota` has its limits and their use."""
        return tagged(shown_project(project_row(project_named(path.name))))
