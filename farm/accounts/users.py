"""Projects (tenants) and users (people)."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, insert, select
from sqlalchemy.exc import IntegrityError

from farm.accounts.names import name_faults, weight_faults
from farm.audit.record import Action, record
from farm.clock import Clock, system_clock
from farm.database import read, write
from farm.errors import Conflict, InvalidRequest, NotFound
from farm.ids import new_id
from farm.security import Role, hash_password
from farm.tables import Project, User

FIRST_PROJECT = "studio"
FIRST_USER = "operator"


@dataclass(frozen=True)
class FirstAccount:
    """The project and the admin that every farm has from its first day."""

    project_id: str
    user_id: str


@dataclass(frozen=True)
class ProjectRow:
    """A project, with its part in the fair share."""

    id: str
    name: str
    weight: float
    created_at: float
    paused_at: float | None
    retention_days: float | None  # None: what the farm says


def create_project(engine: Engine, name: str, weight: float = 1.0, *, clock: Clock = system_clock) -> str:
    """A new project; returns its id. `weight` is its part in the fair share, beside the others' weights.

    Raises:
        InvalidRequest: the name is empty, too long or has control characters, or the weight is out of its range.
        Conflict: there is a project of this name.
    """
    faults = name_faults(name) + weight_faults(weight)
    if faults:
        raise InvalidRequest(faults)
    row: dict[str, Any] = {"id": new_id(), "name": name, "weight": weight, "created_at": clock()}
    try:
        with write(engine) as connection:
            connection.execute(insert(Project), row)
            record(connection, Action.PROJECT_CREATED, name, row["created_at"], project_id=row["id"], weight=weight)
    except IntegrityError as error:
        raise Conflict(f"There is a project named {name!r} already; choose another name.") from error
    return str(row["id"])


def create_user(
    engine: Engine,
    project_id: str,
    name: str,
    role: Role = Role.ARTIST,
    password: str | None = None,
    *,
    password_hash: str | None = None,
    clock: Clock = system_clock,
) -> str:
    """A new user of a project; returns the id. Without a password the user signs in by links only.

    `password_hash`: instead of the password, where it was hashed elsewhere (`new_password_hash`).

    Raises:
        InvalidRequest: the name is empty, too long or has control characters.
        Conflict: there is a user of this name.
        NotFound: there is no such project.
    """
    if faults := name_faults(name):
        raise InvalidRequest(faults)
    row: dict[str, Any] = {
        "id": new_id(),
        "project_id": project_id,
        "name": name,
        "role": Role(role).value,
        "password_hash": hash_password(password) if password else password_hash,
        "created_at": clock(),
    }
    try:
        with write(engine) as connection:
            require_project(connection, project_id)
            connection.execute(insert(User), row)
            told = {"project_id": project_id, "role": row["role"]}
            record(connection, Action.USER_CREATED, name, row["created_at"], **told)
    except IntegrityError as error:
        raise Conflict(f"There is a user named {name!r} already; choose another name.") from error
    return str(row["id"])


def ensure_first_project(engine: Engine, *, clock: Clock = system_clock) -> FirstAccount:
    """The first project and its admin, made if they are not there; several processes may ask at once."""
    project_id = find_project(engine, FIRST_PROJECT)
    if project_id is None:
        try:
            project_id = create_project(engine, FIRST_PROJECT, clock=clock)
        except Conflict:  # another process was quicker
            project_id = find_project(engine, FIRST_PROJECT)
    assert project_id is not None
    user_id = find_user(engine, FIRST_USER)
    if user_id is None:
        try:
            user_id = create_user(engine, project_id, FIRST_USER, Role.ADMIN, clock=clock)
        except Conflict:
            user_id = find_user(engine, FIRST_USER)
    assert user_id is not None
    return FirstAccount(project_id, user_id)


def find_project(engine: Engine, name: str) -> str | None:
    """The id of the project of this name."""
    with read(engine) as connection:
        return connection.scalar(select(Project.id).where(Project.name == name))


def list_projects(engine: Engine) -> list[ProjectRow]:
    """All projects, by name."""
    with read(engine) as connection:
        columns = (Project.id, Project.name, Project.weight, Project.created_at, Project.paused_at)
        rows = connection.execute(select(*columns, Project.retention_days).order_by(Project.name))
        return [ProjectRow(*row) for row in rows]


def find_user(engine: Engine, name: str) -> str | None:
    """The id of the user of this name."""
    with read(engine) as connection:
        return connection.scalar(select(User.id).where(User.name == name))


def user_name(engine: Engine, user_id: str) -> str | None:
    """What the user of this id is called."""
    with read(engine) as connection:
        return connection.scalar(select(User.name).where(User.id == user_id))


def require_project(connection: Connection, project_id: str) -> None:
    """Refuse with NotFound when there is no such project."""
    if connection.scalar(select(Project.id).where(Project.id == project_id)) is None:
        raise NotFound("There is no such project.")


def require_user(connection: Connection, user_id: str, project_id: str) -> None:
    """Refuse with NotFound when the project has no such user."""
    if connection.scalar(select(User.id).where(User.id == user_id, User.project_id == project_id)) is None:
        raise NotFound("This project has no such user.")
