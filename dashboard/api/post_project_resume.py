"""POST /api/v1/projects/{name}/resume: let a paused project compete again."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint

from dashboard.api.common import FARM, NamePath, reply
from dashboard.auth import project_named
from dashboard.context import farm
from dashboard.schemas import Switched
from scheduler.control.pause_project import resume_project


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.post("/projects/<path:name>/resume", tags=[FARM], responses={200: Switched})
    def post_project_resume(path: NamePath) -> Response:
        """Let a paused project compete again. Your own project, or for operators and admins any."""
        resume_project(farm(), project_named(path.name))
        return reply(Switched(kind="project", name=path.name, paused=False))
