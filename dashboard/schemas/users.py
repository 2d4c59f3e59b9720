"""Who uses the farm: projects, the people in them, and their keys."""

from pydantic import Field

from dashboard.schemas.base import Answer
from dashboard.times import iso, iso_or_none
from farm.accounts import KeyRow, ProjectRow, UserRow
from farm.security import Role, Scope


class User(Answer):
    """A person who may sign in."""

    name: str
    role: str = Field(description="viewer, artist, operator or admin")
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


class Member(Answer):
    """A person of a project, as the others of it see him or her."""

    name: str
    role: Role
    disabled: bool = Field(description="Shut out: no session and no key of theirs counts")


class MemberList(Answer):
    """The people of a project, by name."""

    items: list[Member]


class Project(Answer):
    """A tenant."""

    id: str
    name: str
    weight: float = Field(description="Its part in the fair share, beside the others' weights")
    paused: bool = Field(description="Nothing of it starts any more")
    retention_days: float | None = Field(description="Its ended jobs are kept so long; null: as long as all others'")
    created_at: str


class ProjectList(Answer):
    """Projects, by name."""

    items: list[Project]


class Key(Answer):
    """An API key, without its secret."""

    id: str
    name: str
    project: str = Field(description="Its name")
    user: str | None = Field(description="Whose role it has; null: it belongs to no person and is an artist's")
    created_at: str
    expires_at: str | None
    revoked_at: str | None
    used_at: str | None = Field(description="Its last use, to the minute; null: never used")
    scopes: list[Scope] = Field(description="What it may do")


class KeyList(Answer):
    """API keys, oldest first; ended ones too."""

    items: list[Key]


class MadeKey(Answer):
    """A key that was just made."""

    key: Key
    secret: str = Field(description="What stands behind 'Bearer'. It is shown this once and kept nowhere")


class WhoAmI(Answer):
    """Whom the request speaks for."""

    project: Project
    user: str | None = Field(description="The person's name; null: the key belongs to no person")
    role: Role
    scopes: list[Scope] = Field(description="What this request may do: all that the role may, or what the key may")
    key: Key | None = Field(description="That the request came with; null: a session of the dashboard")


def shown_project(row: ProjectRow) -> Project:
    """A project as the API answers it."""
    return Project(
        id=row.id,
        name=row.name,
        weight=row.weight,
        paused=row.paused_at is not None,
        retention_days=row.retention_days,
        created_at=iso(row.created_at),
    )


def shown_key(row: KeyRow) -> Key:
    """A key as the API answers it."""
    return Key(
        id=row.id,
        name=row.name,
        project=row.project,
        user=row.user,
        created_at=iso(row.created_at),
        expires_at=iso_or_none(row.expires_at),
        revoked_at=iso_or_none(row.revoked_at),
        used_at=iso_or_none(row.used_at),
        scopes=[Scope(scope) for scope in row.scopes.split(",") if scope],
    )
