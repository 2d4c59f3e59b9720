"""Sessions of the dashboard: begun by a sign-in, ended on the server, so that a copied cookie is void after it."""

from sqlalchemy import Connection, Engine, delete, insert, select, update

from farm.audit.record import Action, record
from farm.database import autocommit, write
from farm.ids import new_id
from farm.security import KeyKind, Role, is_secret, new_secret, secret_sha256
from farm.tables import Key, Session, User

#: How long after the sign-in a session ends by itself.
SESSION_SECONDS = 14 * 86_400.0


def begin_session(engine: Engine, user_id: str, now: float, by: str | None = None) -> str | None:
    """The secret of a new session, kept by the browser alone; None when the user is gone or disabled.

    `by`: how the user has shown who it is, for the audit log.
    """
    secret = new_secret()
    with write(engine) as connection:
        found = select(User.name, User.project_id).where(User.id == user_id, User.disabled_at.is_(None))
        user = connection.execute(found.with_for_update()).one_or_none()
        if user is None:
            return None
        row = {"id": new_id(), "user_id": user_id, "secret_sha256": secret_sha256(secret)}
        connection.execute(insert(Session), row | {"created_at": now, "expires_at": now + SESSION_SECONDS})
        record(connection, Action.SESSION_BEGUN, user.name, now, project_id=user.project_id, by=by)
    return secret


def find_session(engine: Engine, secret: str, now: float) -> tuple[str, str, Role, str] | None:
    """Project, id, role and name of the user of a session; None when it has ended or the user is disabled."""
    if not is_secret(secret):
        return None
    with autocommit(engine) as connection:
        row = connection.execute(
            select(User.project_id, User.id, User.role, User.name)
            .join(Session, Session.user_id == User.id)
            .where(Session.secret_sha256 == secret_sha256(secret), Session.expires_at > now, User.disabled_at.is_(None))
        ).one_or_none()
    return None if row is None else (row.project_id, row.id, Role(row.role), row.name)


def end_session(engine: Engine, secret: str, now: float) -> None:
    """End this session; ending it again changes nothing."""
    this = Session.secret_sha256 == secret_sha256(secret)
    with write(engine) as connection:
        whose = select(User.name, User.project_id).join(Session, Session.user_id == User.id).where(this)
        user = connection.execute(whose).one_or_none()
        if user is not None and connection.execute(delete(Session).where(this)).rowcount:
            record(connection, Action.SESSION_ENDED, user.name, now, project_id=user.project_id)


def end_sessions_of(connection: Connection, user_id: str, now: float) -> int:
    """End all sessions of a user, and the sign-in links that are still good; how many sessions there were."""
    links = update(Key).where(
        Key.user_id == user_id,
        Key.kind == KeyKind.SIGN_IN.value,
        Key.used_at.is_(None),
        Key.revoked_at.is_(None),
    )
    connection.execute(links.values(revoked_at=now))
    return connection.execute(delete(Session).where(Session.user_id == user_id)).rowcount
