"""API keys: made, listed, revoked. Only their SHA-256 is kept."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, insert, select, update

from farm.accounts.names import name_faults
from farm.accounts.users import require_project, require_user
from farm.clock import Clock
from farm.database import read, write
from farm.errors import InvalidRequest, NotFound
from farm.farm_clock import FarmClock
from farm.ids import new_id
from farm.security import KeyKind, new_secret, secret_sha256
from farm.tables import Key, Project, User


@dataclass(frozen=True)
class NewKey:
    """A key that was just made. `secret` is shown to its owner once and kept nowhere."""

    id: str
    secret: str

    def __repr__(self) -> str:
        return f"NewKey(id={self.id!r})"


@dataclass(frozen=True)
class KeyRow:
    """What may be shown of a key; times are seconds since 1970."""

    id: str
    name: str
    project: str
    user: str | None
    created_at: float
    expires_at: float | None
    revoked_at: float | None


def create_key(
    engine: Engine,
    project_id: str,
    kind: KeyKind = KeyKind.API,
    name: str = "key",
    *,
    user_id: str | None = None,
    seconds: float | None = None,
    clock: Clock | None = None,
) -> NewKey:
    """A new key of a project, or of one of its users; `seconds` is how long it lives (none: until revoked).

    By the farm's clock, whatever the machine's own says.

    Raises:
        InvalidRequest: the name is empty, too long or has control characters.
        NotFound: there is no such project, or the user is not in it.
    """
    if faults := name_faults(name):
        raise InvalidRequest(faults)
    now, key = (clock or FarmClock(engine))(), NewKey(new_id(), new_secret())
    with write(engine) as connection:
        require_project(connection, project_id)
        if user_id is not None:
            require_user(connection, user_id, project_id)
        connection.execute(
            insert(Key),
            {
                "id": key.id,
                "project_id": project_id,
                "user_id": user_id,
                "kind": KeyKind(kind).value,
                "name": name,
                "secret_sha256": secret_sha256(key.secret),
                "created_at": now,
                "expires_at": None if seconds is None else now + seconds,
            },
        )
    return key


def list_keys(engine: Engine, project_id: str | None = None) -> list[KeyRow]:
    """The API keys of a project, or of all, oldest first; ended ones too."""
    statement = _rows().order_by(Key.id)
    if project_id is not None:
        statement = statement.where(Key.project_id == project_id)
    with read(engine) as connection:
        return [KeyRow(**row) for row in connection.execute(statement).mappings()]


def list_keys_of(engine: Engine, project_id: str, user_id: str | None) -> list[KeyRow]:
    """The API keys of one user of a project (None: those that belong to no person), oldest first; ended ones too."""
    statement = _rows().where(Key.project_id == project_id, Key.user_id == user_id).order_by(Key.id)
    with read(engine) as connection:
        return [KeyRow(**row) for row in connection.execute(statement).mappings()]


def find_key(engine: Engine, secret: str) -> KeyRow | None:
    """What may be shown of the API key with this secret, or None."""
    with read(engine) as connection:
        row = connection.execute(_rows().where(Key.secret_sha256 == secret_sha256(secret))).mappings().one_or_none()
    return None if row is None else KeyRow(**row)


def _rows() -> Any:
    return (
        select(
            Key.id,
            Key.name,
            Project.name.label("project"),
            User.name.label("user"),
            Key.created_at,
            Key.expires_at,
            Key.revoked_at,
        )
        .join(Project, Project.id == Key.project_id)
        .outerjoin(User, User.id == Key.user_id)
        .where(Key.kind == KeyKind.API.value)
    )


def revoke_key(engine: Engine, key_id: str, *, clock: Clock | None = None) -> None:
    """End a key at once; revoking it again changes nothing.

    Raises:
        NotFound: there is no such key.
    """
    now = (clock or FarmClock(engine))()
    with write(engine) as connection:
        if connection.scalar(select(Key.id).where(Key.id == key_id)) is None:
            raise NotFound(f"There is no key {key_id}; `farm keys list` shows those there are.")
        connection.execute(update(Key).where(Key.id == key_id, Key.revoked_at.is_(None)).values(revoked_at=now))
