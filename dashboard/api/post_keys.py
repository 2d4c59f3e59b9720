"""POST /api/v1/keys: a new API key."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import BaseModel, ConfigDict, Field

from dashboard.api.common import PROJECTS, Line, Name, json_body, reply
from dashboard.auth import principal, project_named, request_key, require
from dashboard.context import farm, now
from dashboard.http.bodies import read_json
from dashboard.schemas import MadeKey
from dashboard.schemas.users import shown_key
from farm import accounts
from farm.errors import Forbidden, NotFound
from farm.security import Scope, scopes_text

#: A hundred years: further away no calendar of ours goes.
_LONGEST_SECONDS = 100 * 365 * 86_400


class NewKey(BaseModel):
    """A key that is to be."""

    model_config = ConfigDict(extra="forbid")
    name: Name = Field(description="What it is for, so that you know it again")
    seconds: float | None = Field(None, gt=0, le=_LONGEST_SECONDS, description="It lives so long; null: until revoked")
    scopes: list[Scope] | None = Field(
        None,
        min_length=1,
        max_length=len(Scope),
        description="It may do no more than these; null: all that you may",
    )
    project: Line | None = Field(None, description="For admins: a key of this project that belongs to no person")


def register(blueprint: APIBlueprint) -> None:
    """Add this endpoint."""

    @blueprint.post("/keys", tags=[PROJECTS], responses={201: MadeKey}, openapi_extensions=json_body(blueprint, NewKey))
    def post_keys() -> Response:
        """Make an API key of your own; its secret is in this answer and nowhere else.

        A key makes none that lives longer or may do more than itself. Admins also make keys of a project.
        """
        return reply(make_key(NewKey.model_validate(read_json())), 201)


def make_key(asked: NewKey) -> MadeKey:
    """Make the key for whoever asks. Raises Forbidden, InvalidRequest, NotFound."""
    project_id, user_id = _owner(asked)
    mine = request_key()  # a key that leaked must not outlive itself
    made = accounts.create_key(
        farm().engine,
        project_id,
        name=asked.name,
        user_id=user_id,
        seconds=asked.seconds,
        not_after=None if mine is None else mine.expires_at,
        scopes=_scopes(asked),
        clock=now,
    )
    row = accounts.find_key(farm().engine, made.secret)
    if row is None:  # somebody removed the user in this moment
        raise NotFound("The key was removed as soon as it was made.")
    return MadeKey(key=shown_key(row), secret=made.secret)


def _owner(asked: NewKey) -> tuple[str, str | None]:
    who = principal()
    if asked.project is not None:
        require(Scope.ADMIN)
        return project_named(asked.project, Scope.ADMIN), None
    if who.user_id is None:
        raise Forbidden("This key belongs to no person, so it makes no keys; ask an admin for one.")
    return who.project_id, who.user_id


def _scopes(asked: NewKey) -> set[Scope] | None:
    """A key that leaked must not make one that may do more."""
    who = principal()
    if asked.scopes is None:  # an admin's project key is an artist's
        return None if who.key is None or who.key.scopes == who.role.scopes else set(who.key.scopes)
    if beyond := set(asked.scopes) - who.scopes:
        raise Forbidden(f"You may not do this yourself, so no key of yours may: {scopes_text(beyond)}.")
    return set(asked.scopes)
