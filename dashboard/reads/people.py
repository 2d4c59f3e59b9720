"""Who is signed in."""

import uuid
from dataclasses import dataclass

from sqlalchemy import Connection, select

from farm.accounts import Principal
from farm.security import Role
from farm.tables import Project, User


@dataclass(frozen=True)
class KnownUser:
    """A person with the project they work in."""

    principal: Principal
    name: str


def find_user(connection: Connection, user_id: str) -> KnownUser | None:
    """The user of this id, or None. One statement."""
    try:
        uuid.UUID(user_id)
    except ValueError:
        return None
    row = connection.execute(
        select(User.id, User.project_id, User.role, User.name).where(User.id == user_id)
    ).one_or_none()
    if row is None:
        return None
    return KnownUser(Principal(row.project_id, row.id, Role(row.role)), row.name)


def find_project(connection: Connection, name: str) -> str | None:
    """The id of the project of this name, or None. One statement."""
    return connection.scalar(select(Project.id).where(Project.name == name))
