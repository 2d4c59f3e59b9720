"""GET /api/v1/keys: the API keys, without their secrets."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import ConfigDict, Field

from dashboard.api.common import PROJECTS, Line, reply
from dashboard.auth import principal, project_named, require
from dashboard.context import farm
from dashboard.schemas import KeyList
from dashboard.schemas.base import RequestPart
from dashboard.schemas.users import shown_key
from farm import accounts
from farm.security import Scope


class KeysQuery(RequestPart):
    """Whose keys."""

    model_config = ConfigDict(extra="forbid")
    project: Line | None = Field(None, description="For admins: all keys of this project")


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.get("/keys", tags=[PROJECTS], responses={200: KeyList})
    def get_keys(query: KeysQuery) -> Response:
        """List your own API keys, oldest first, ended ones too; admins also all of a project."""
        who = principal()
        if query.project is None:
            rows = accounts.list_keys_of(farm().engine, who.project_id, who.user_id)
        else:
            require(Scope.ADMIN)
            rows = accounts.list_keys(farm().engine, project_named(query.project, Scope.ADMIN))
        return reply(KeyList(items=[shown_key(row) for row in rows]))
