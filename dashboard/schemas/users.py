"""People who may sign in."""

from pydantic import Field

from dashboard.schemas.base import Answer
from dashboard.times import iso, iso_or_none
from farm.accounts import UserRow


class User(Answer):
    """A person who may sign in."""

    name: str
    role: str = Field(description="artist or operator")
    project: str = Field(description="Its name")
    sessions: int = Field(description="Browsers that are signed in")
    has_password: bool = Field(description="false: signs in by links only")
    created_at: str
    disabled_at: str | None = Field(description="Since when the user is shut out")


class UserList(Answer):
    """All people who may sign in."""

    items: list[User]


def shown_user(row: UserRow) -> User:
    """A user as the API answers it."""
    return User(
        name=row.name,
        role=row.role,
        project=row.project,
        sessions=row.sessions,
        has_password=row.has_password,
        created_at=iso(row.created_at),
        disabled_at=iso_or_none(row.disabled_at),
    )
