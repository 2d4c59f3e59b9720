"""POST /api/v1/projects/{name}/pause: claim nothing of a project any more; what runs ends."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint

from dashboard.api.common import FARM, NamePath, reply
from dashboard.auth import project_named
from dashboard.context import farm
from dashboard.schemas import Switched
from scheduler.control.pause_project import pause_project


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.post("/projects/<path:name>/pause", tags=[FARM], responses={200: Switched})
    def post_project_pause(path: NamePath) -> Response:
        """Claim nothing of a project any more; what runs ends. Your own project, or for operators and admins any."""
        pause_project(farm(), project_named(path.name))
        return reply(Switched(kind="project", name=path.name, paused=True))
