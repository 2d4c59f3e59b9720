"""PATCH /api/v1/users/{name}: disable, enable, re-role a user, end the sessions, give a password."""

from functools import partial

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from dashboard.api.common import USERS, NamePath, json_body, reply
from dashboard.context import farm, password_work
from dashboard.http.bodies import read_json
from dashboard.schemas import User
from dashboard.schemas.users import shown_user
from farm import accounts
from farm.errors import NotFound
from farm.security import Role


class UserChange(BaseModel):
    """What is to be different; what is left out stays."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
    role: Role | None = Field(None, description="viewer, artist, operator or admin")
    disabled: bool | None = Field(
        None, strict=True, description="true: shut out; sessions, keys and links stop at once"
    )
    password: SecretStr | None = Field(
        None, json_schema_extra={"minLength": 1}, description="A new one; ends all sessions"
    )
    end_sessions: bool = Field(False, strict=True, description="Sign the user out everywhere")


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.patch(
        "/users/<path:name>", tags=[USERS], responses={200: User}, openapi_extensions=json_body(blueprint, UserChange)
    )
    def patch_user(path: NamePath) -> Response:
        """Change a user. For admins; the last one can be neither disabled nor demoted."""
        change_user(path.name, UserChange.model_validate(read_json()))
        for row in accounts.list_users(farm().engine, clock=farm().clock):
            if row.name == path.name:
                return reply(shown_user(row))
        raise NotFound(f"There is no user named {path.name[:80]!r}.")


def change_user(name: str, asked: UserChange) -> None:
    """Change what is asked for. Raises NotFound, Conflict, InvalidRequest."""
    hashed = None
    if asked.password is not None:
        hashed = password_work()(partial(accounts.new_password_hash, asked.password.get_secret_value()))
    accounts.change_user(
        farm().engine,
        name,
        role=asked.role,
        password_hash=hashed,
        ends_sessions=asked.end_sessions,
        disabled=asked.disabled,
        clock=farm().clock,
    )
