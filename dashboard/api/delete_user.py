"""DELETE /api/v1/users/{name}: remove a user."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint

from dashboard.api.common import USERS, NamePath
from dashboard.context import farm
from farm import accounts


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.delete("/users/<path:name>", tags=[USERS], responses={204: None})
    def delete_user(path: NamePath) -> Response:
        """Remove a user with sessions and keys; the jobs stay with the project. For admins."""
        accounts.remove_user(farm().engine, path.name, clock=farm().clock)
        return Response(status=204)
