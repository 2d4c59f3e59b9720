"""DELETE /api/v1/keys/{key_id}: end a key."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import BaseModel, Field

from dashboard.api.common import PROJECTS
from dashboard.auth import may, principal
from dashboard.context import farm, now
from dashboard.reads.ids import known_form
from farm import accounts
from farm.errors import NotFound
from farm.security import Scope


class KeyPath(BaseModel):
    """The address of a key."""

    key_id: str = Field(description="Its id", json_schema_extra={"format": "uuid"})


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.delete("/keys/<key_id>", tags=[PROJECTS], responses={204: None})
    def delete_key(path: KeyPath) -> Response:
        """Revoke a key at once: your own, or for admins any. Revoking it again changes nothing."""
        end_key(path.key_id)
        return Response(status=204)


def end_key(key_id: str) -> None:
    """Revoke a key for whoever asks. Raises NotFound."""
    who, key_id = principal(), known_form("key", key_id)
    if not may(Scope.ADMIN):
        own = accounts.list_keys_of(farm().engine, who.project_id, who.user_id)
        if key_id not in {row.id for row in own}:
            raise NotFound(f"There is no key {key_id} of yours.")
    accounts.revoke_key(farm().engine, key_id, clock=now)
