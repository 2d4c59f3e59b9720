"""Who is asking: API keys, passwords and one-time sign-in links become a principal.

A secret is looked up by its SHA-256 alone, through the unique index; nothing here logs one or keeps one.
"""

from dataclasses import dataclass, field
from functools import partial

from sqlalchemy import Connection, CursorResult, Engine, bindparam, or_, select, update

from farm.accounts.keys import allowed_scopes, create_key
from farm.audit.record import Action, record
from farm.clock import Clock
from farm.cpu_work import CpuWork, right_here
from farm.database import autocommit, read, write
from farm.errors import Conflict, NotFound
from farm.security import KeyKind, Role, Scope, is_secret, secret_sha256, verify_password
from farm.tables import Key, User

#: Where the dashboard redeems a sign-in link: `<base URL>/sign-in/<secret>`.
SIGN_IN_PATH = "/sign-in"
SIGN_IN_SECONDS = 900.0


@dataclass(frozen=True)
class UsedKey:
    """The API key that somebody came with."""

    id: str
    scopes: frozenset[Scope]
    used_at: float | None


@dataclass(frozen=True)
class Principal:
    """Whom a request speaks for. `user_id` is None for a key of a project that belongs to no person."""

    project_id: str
    user_id: str | None
    role: Role
    key: UsedKey | None = field(default=None, compare=False)

    @property
    def scopes(self) -> frozenset[Scope]:
        """What may be done in this request: all that the role may, or what the key may."""
        return self.role.scopes if self.key is None else self.key.scopes


#: Asked at every request, so it is built once. By the unique index of secrets.
_BY_SECRET = (
    select(Key.id, Key.project_id, Key.user_id, Key.scopes, Key.used_at, User.role)
    .outerjoin(User, User.id == Key.user_id)
    .where(
        Key.secret_sha256 == bindparam("sha256"),
        Key.kind == bindparam("of_kind"),
        Key.revoked_at.is_(None),
        or_(Key.expires_at.is_(None), Key.expires_at > bindparam("now")),
        User.disabled_at.is_(None),  # also where a key belongs to no user
    )
)


def authenticate(engine: Engine, secret: str, now: float) -> Principal | None:
    """Whom an API key stands for; None when it is unknown, malformed, expired or revoked."""
    if not is_secret(secret):
        return None
    with autocommit(engine) as connection:
        return _principal(connection, secret, KeyKind.API, now)


def authenticate_password(
    engine: Engine, name: str, password: str, *, cpu_work: CpuWork = right_here
) -> Principal | None:
    """Whom a name and a password stand for. A wrong name takes as long as a wrong password.

    `cpu_work`: where the hash is computed, which takes a core for tens of milliseconds.
    """
    with read(engine) as connection:
        user = connection.execute(
            select(User.id, User.project_id, User.role, User.password_hash, User.disabled_at).where(User.name == name)
        ).one_or_none()
    if not cpu_work(partial(verify_password, password, user.password_hash if user else None)) or user is None:
        return None
    if user.disabled_at is not None:
        return None
    return Principal(user.project_id, user.id, Role(user.role))


def sign_in_link(
    engine: Engine,
    user_id: str,
    base_url: str,
    seconds: float = SIGN_IN_SECONDS,
    *,
    clock: Clock | None = None,
) -> str:
    """A URL that signs this user in to the dashboard, once, within `seconds`. Show it to the user only.

    Raises:
        NotFound: there is no such user.
        Conflict: the user is disabled.
    """
    with read(engine) as connection:
        user = connection.execute(select(User.project_id, User.disabled_at).where(User.id == user_id)).one_or_none()
    if user is None:
        raise NotFound("There is no such user.")
    if user.disabled_at is not None:
        raise Conflict("This user is disabled and cannot sign in; `farm users enable NAME` lets a user in again.")
    key = create_key(
        engine, user.project_id, KeyKind.SIGN_IN, "sign-in link", user_id=user_id, seconds=seconds, clock=clock
    )
    return f"{base_url.rstrip('/')}{SIGN_IN_PATH}/{key.secret}"


def redeem(engine: Engine, secret: str, now: float) -> Principal | None:
    """Use up a sign-in link: whom it signs in, or None when it is unknown, used, expired or revoked.

    Of several who come with the same link at once one gets in: the update that marks it counts its rows.
    """
    if not is_secret(secret):
        return None
    with write(engine) as connection:
        principal = _principal(connection, secret, KeyKind.SIGN_IN, now)
        if principal is None:
            return None
        used: CursorResult[tuple[()]] = connection.execute(
            update(Key)
            .where(Key.secret_sha256 == secret_sha256(secret), Key.used_at.is_(None), Key.revoked_at.is_(None))
            .values(used_at=now)
        )
        return principal if used.rowcount == 1 else None


def note_refused(
    engine: Engine, now: float, *, name: str | None = None, link: str | None = None, by: str = "password"
) -> None:
    """Write into the audit log that somebody was not let in, with this name, by this link, or `by` another way.

    Only a name that is known is written down: into the field for it people also type their password. A link that was
    never made leaves no trace here, or anybody could fill the log.
    """
    with write(engine) as connection:
        whose = select(User.name, User.project_id)
        if link is not None:
            sha256 = secret_sha256(link)
            whose = whose.join(Key, Key.user_id == User.id)
            user = connection.execute(whose.where(Key.secret_sha256 == sha256)).one_or_none()
            if user is None:
                return
        else:
            user = connection.execute(whose.where(User.name == name)).one_or_none()
        target, project_id = (None, None) if user is None else (user.name, user.project_id)
        way = by if link is None else "link"
        record(connection, Action.SESSION_REFUSED, target, now, project_id=project_id, by=way)


def _principal(connection: Connection, secret: str, kind: KeyKind, now: float) -> Principal | None:
    found = connection.execute(
        _BY_SECRET, {"sha256": secret_sha256(secret), "of_kind": kind.value, "now": now}
    ).one_or_none()
    if found is None:
        return None
    role = Role(found.role) if found.role else Role.ARTIST
    key = UsedKey(found.id, allowed_scopes(role, found.scopes), found.used_at) if kind is KeyKind.API else None
    return Principal(found.project_id, found.user_id, role, key)
