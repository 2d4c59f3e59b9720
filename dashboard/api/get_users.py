"""GET /api/v1/users: the people who may sign in."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint

from dashboard.api.common import USERS, reply
from dashboard.context import farm
from dashboard.schemas import UserList
from dashboard.schemas.users import shown_user
from farm import accounts


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.get("/users", tags=[USERS], responses={200: UserList})
    def get_users() -> Response:
        """List the people who may sign in, by name. For admins."""
        rows = accounts.list_users(farm().engine, clock=farm().clock)
        return reply(UserList(items=[shown_user(row) for row in rows]))
