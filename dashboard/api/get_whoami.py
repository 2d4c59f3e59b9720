"""GET /api/v1/whoami: whom a key or a session speaks for."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint

from dashboard.api.common import PROJECTS
from dashboard.api.versions import tagged
from dashboard.auth import principal, project_row, request_key
from dashboard.context import farm
from dashboard.schemas import WhoAmI
from dashboard.schemas.users import shown_key, shown_project
from farm import accounts
from farm.security import Scope


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.get("/whoami", tags=[PROJECTS], responses={200: WhoAmI, 304: None})
    def get_whoami() -> Response:
        """Read whom this request speaks for: the project, the person, the role and the key."""
        who, key = principal(), request_key()
        user = None if who.user_id is None else accounts.user_name(farm().engine, who.user_id)
        return tagged(
            WhoAmI(
                project=shown_project(project_row(who.project_id)),
                user=user,
                role=who.role,
                scopes=[scope for scope in Scope if scope in who.scopes],
                key=None if key is None else shown_key(key),
            )
        )
