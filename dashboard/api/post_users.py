"""POST /api/v1/users: a new user."""

from functools import partial

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from dashboard.api.common import USERS, Line, Name, json_body, reply
from dashboard.auth import project_named
from dashboard.context import farm, password_work
from dashboard.http.bodies import read_json
from dashboard.schemas import User
from dashboard.schemas.users import shown_user
from farm import accounts
from farm.errors import NotFound
from farm.security import Role, Scope


class NewUser(BaseModel):
    """A person who is to come in."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
    name: Name = Field(description="Nobody else's on this farm")
    project: Line = Field(description="The name of the project")
    role: Role = Field(Role.ARTIST, description="viewer, artist, operator or admin")
    password: SecretStr | None = Field(
        None, json_schema_extra={"minLength": 1}, description="null: signs in by links only"
    )


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.post("/users", tags=[USERS], responses={201: User}, openapi_extensions=json_body(blueprint, NewUser))
    def post_users() -> Response:
        """Let a person come in, in a project and with a role. For admins."""
        asked = NewUser.model_validate(read_json())
        add_user(asked)
        for row in accounts.list_users(farm().engine, asked.project, clock=farm().clock):
            if row.name == asked.name:
                return reply(shown_user(row), 201)
        raise NotFound(f"The user {asked.name[:80]!r} was removed as soon as it was made.")


def add_user(asked: NewUser) -> None:
    """Let a person come in. Raises NotFound, Conflict, InvalidRequest."""
    project_id, hashed = project_named(asked.project, Scope.ADMIN), None
    if asked.password is not None:
        hashed = password_work()(partial(accounts.new_password_hash, asked.password.get_secret_value()))
    accounts.create_user(farm().engine, project_id, asked.name, asked.role, password_hash=hashed, clock=farm().clock)
