"""API keys: made, listed, used, revoked. Only their SHA-256 is kept."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import Connection, Engine, insert, or_, select, update
from sqlalchemy.exc import SQLAlchemyError

from farm.accounts.names import name_faults
from farm.accounts.users import require_project, require_user
from farm.audit.record import Action, record
from farm.clock import Clock
from farm.database import read, trouble, write
from farm.errors import Fault, InvalidRequest, NotFound
from farm.farm_clock import FarmClock
from farm.ids import new_id
from farm.security import KeyKind, Role, Scope, new_secret, scopes_text, secret_sha256
from farm.tables import Key, Project, User

log = structlog.get_logger(__name__)

#: A key's last use is written down this often at most.
USE_SECONDS = 60.0


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
    used_at: float | None  # to the minute
    scopes: str  # 'read,submit': all that this key may do now


def create_key(
    engine: Engine,
    project_id: str,
    kind: KeyKind = KeyKind.API,
    name: str = "key",
    *,
    user_id: str | None = None,
    seconds: float | None = None,
    not_after: float | None = None,
    scopes: Collection[Scope] | None = None,
    clock: Clock | None = None,
) -> NewKey:
    """A new key of a project, or of one of its users; `seconds` is how long it lives (none: until revoked).

    `not_after`: it ends then at the latest, in seconds since 1970.
    `scopes`: it may do no more than these (none: all that its owner's role may).
    By the farm's clock, whatever the machine's own says.

    Raises:
        InvalidRequest: the name is empty, too long or has control characters, or the role has not these scopes.
        NotFound: there is no such project, or the user is not in it.
    """
    if faults := name_faults(name):
        raise InvalidRequest(faults)
    now, key = (clock or FarmClock(engine))(), NewKey(new_id(), new_secret())
    ends = [end for end in (None if seconds is None else now + seconds, not_after) if end is not None]
    expires_at = min(ends, default=None)
    lives = None if expires_at is None else round(expires_at - now, 3)
    with write(engine) as connection:
        require_project(connection, project_id)
        if user_id is not None:
            require_user(connection, user_id, project_id)
        if scopes is not None:
            _check_scopes(connection, user_id, scopes)
        owner = user_id and connection.scalar(select(User.name).where(User.id == user_id))
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
                "expires_at": expires_at,
                "scopes": None if scopes is None else scopes_text(scopes),
            },
        )
        action = Action.KEY_CREATED if kind is KeyKind.API else Action.LINK_CREATED
        told = {"name": name, "user": owner, "seconds": lives, "scopes": scopes and scopes_text(scopes)}
        record(connection, action, key.id, now, project_id=project_id, **told)
    return key


def list_keys(engine: Engine, project_id: str | None = None) -> list[KeyRow]:
    """The API keys of a project, or of all, oldest first; ended ones too."""
    statement = _rows().order_by(Key.id)
    if project_id is not None:
        statement = statement.where(Key.project_id == project_id)
    with read(engine) as connection:
        return [_shown(row) for row in connection.execute(statement).mappings()]


def list_keys_of(engine: Engine, project_id: str, user_id: str | None) -> list[KeyRow]:
    """The API keys of one user of a project (None: those that belong to no person), oldest first; ended ones too."""
    statement = _rows().where(Key.project_id == project_id, Key.user_id == user_id).order_by(Key.id)
    with read(engine) as connection:
        return [_shown(row) for row in connection.execute(statement).mappings()]


def find_key(engine: Engine, secret: str) -> KeyRow | None:
    """What may be shown of the API key with this secret, or None."""
    with read(engine) as connection:
        row = connection.execute(_rows().where(Key.secret_sha256 == secret_sha256(secret))).mappings().one_or_none()
    return None if row is None else _shown(row)


def note_use(engine: Engine, key_id: str, now: float) -> None:
    """Write down that a key is used, unless that was done within the last minute. Never fails: it only tells."""
    stale = or_(Key.used_at.is_(None), Key.used_at <= now - USE_SECONDS)
    try:
        with write(engine) as connection:
            connection.execute(update(Key).where(Key.id == key_id, stale).values(used_at=now))
    except SQLAlchemyError as error:
        log.warning("last use of a key not written", key_id=key_id, reason=trouble(error))


def allowed_scopes(role: Role, kept: str | None) -> frozenset[Scope]:
    """What a key may do: of the scopes that are kept with it (None: all) those that its owner's role has now."""
    return role.scopes if kept is None else role.scopes & {Scope(scope) for scope in kept.split(",")}


def _check_scopes(connection: Connection, user_id: str | None, scopes: Collection[Scope]) -> None:
    found = user_id and connection.scalar(select(User.role).where(User.id == user_id))
    role = Role(found) if found else Role.ARTIST
    if not scopes or not role.scopes.issuperset(scopes):
        rule = f"must be some of {', '.join(scope for scope in Scope if scope in role.scopes)}: the owner is {role}"
        raise InvalidRequest([Fault("/scopes", f"{rule}; seen {scopes_text(scopes) or 'none'}")])


def _shown(row: Any) -> KeyRow:
    values = dict(row)
    role = Role(values.pop("role") or Role.ARTIST)
    return KeyRow(**values | {"scopes": scopes_text(allowed_scopes(role, values["scopes"]))})


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
            Key.used_at,
            Key.scopes,
            User.role,
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
        found = connection.execute(select(Key.project_id, Key.name).where(Key.id == key_id)).one_or_none()
        if found is None:
            raise NotFound(f"There is no key {key_id}; `farm keys list` shows those there are.")
        ended = connection.execute(update(Key).where(Key.id == key_id, Key.revoked_at.is_(None)).values(revoked_at=now))
        if ended.rowcount:
            record(connection, Action.KEY_REVOKED, key_id, now, project_id=found.project_id, name=found.name)
