"""POST /api/v1/projects: a new project."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import BaseModel, ConfigDict, Field

from dashboard.api.common import PROJECTS, Name, json_body, reply
from dashboard.auth import project_row
from dashboard.context import farm
from dashboard.http.bodies import read_json
from dashboard.schemas import Project
from dashboard.schemas.users import shown_project
from farm import accounts
from farm.accounts.names import LEAST_WEIGHT, MOST_WEIGHT


class NewProject(BaseModel):
    """A project that is to be."""

    model_config = ConfigDict(extra="forbid")
    name: Name = Field(description="What it is called; nobody else's")
    weight: float = Field(
        1.0,
        strict=True,
        ge=LEAST_WEIGHT,
        le=MOST_WEIGHT,
        description="Its part in the fair share, beside the others' weights",
    )


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.post(
        "/projects", tags=[PROJECTS], responses={201: Project}, openapi_extensions=json_body(blueprint, NewProject)
    )
    def post_projects() -> Response:
        """Make a project; its people and keys come after. For admins."""
        asked = NewProject.model_validate(read_json())
        made = accounts.create_project(farm().engine, asked.name, asked.weight, clock=farm().clock)
        return reply(shown_project(project_row(made)), 201)
