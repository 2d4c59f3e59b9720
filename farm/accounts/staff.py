"""What an operator does with users: lists, disables, enables, removes, gives a role or a password, ends sessions.

One operator who can sign in always stays: whoever would disable, remove or demote the last one is refused.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, Engine, delete, func, select, update

from farm.accounts.sessions import end_sessions_of
from farm.clock import Clock, system_clock
from farm.database import read, write
from farm.errors import Conflict, Fault, InvalidRequest, NotFound
from farm.security import Role, hash_password
from farm.tables import Job, Key, Project, Session, User

#: Jobs that forget their user in one transaction.
_CHUNK = 1_000


@dataclass(frozen=True)
class UserRow:
    """What may be shown of a user; times are seconds since 1970."""

    name: str
    role: str
    project: str
    sessions: int  # open ones
    has_password: bool
    created_at: float
    disabled_at: float | None


def list_users(engine: Engine, *, clock: Clock = system_clock) -> list[UserRow]:
    """All users, by name."""
    open_ones = (
        select(func.count())
        .where(Session.user_id == User.id, Session.expires_at > clock())
        .correlate(User)
        .scalar_subquery()
    )
    statement = (
        select(
            User.name,
            User.role,
            Project.name,
            open_ones,
            User.password_hash.is_not(None),
            User.created_at,
            User.disabled_at,
        )
        .join(Project, Project.id == User.project_id)
        .order_by(User.name)
    )
    with read(engine) as connection:
        return [UserRow(*row) for row in connection.execute(statement)]


def disable_user(engine: Engine, name: str, *, clock: Clock = system_clock) -> None:
    """Shut a user out: sessions end, keys and links stop at once. Jobs go on. Raises NotFound, Conflict."""
    with write(engine) as connection:
        user_id = _id_of(connection, name)
        _leave_an_operator(connection, user_id)
        now = clock()
        connection.execute(update(User).where(User.id == user_id, User.disabled_at.is_(None)).values(disabled_at=now))
        end_sessions_of(connection, user_id, now)


def enable_user(engine: Engine, name: str) -> None:
    """Let a disabled user in again; the keys that were not revoked work again. Raises NotFound."""
    with write(engine) as connection:
        connection.execute(update(User).where(User.id == _id_of(connection, name)).values(disabled_at=None))


def remove_user(engine: Engine, name: str, *, clock: Clock = system_clock) -> None:
    """Forget a user, with sessions and keys; the jobs stay with the project. Raises NotFound, Conflict."""
    disable_user(engine, name, clock=clock)  # nothing new comes while the jobs are gone through
    with read(engine) as connection:
        user_id = _id_of(connection, name)
    some = select(Job.id).where(Job.user_id == user_id).limit(_CHUNK)
    while True:
        with write(engine) as connection:
            if connection.execute(update(Job).where(Job.id.in_(some)).values(user_id=None)).rowcount < _CHUNK:
                break
    with write(engine) as connection:
        connection.execute(update(Job).where(Job.user_id == user_id).values(user_id=None))
        for table in (Session, Key):
            connection.execute(delete(table).where(table.user_id == user_id))
        connection.execute(delete(User).where(User.id == user_id))


def change_role(engine: Engine, name: str, role: Role) -> None:
    """Give a user another role, also in sessions and keys that are open. Raises NotFound, Conflict."""
    with write(engine) as connection:
        user_id = _id_of(connection, name)
        if role is not Role.OPERATOR:
            _leave_an_operator(connection, user_id)
        connection.execute(update(User).where(User.id == user_id).values(role=Role(role).value))


def reset_password(engine: Engine, name: str, password: str, *, clock: Clock = system_clock) -> None:
    """Give a user a new password, and end all sessions of that user. Raises NotFound, InvalidRequest."""
    if not password:
        raise InvalidRequest([Fault("/password", "must not be empty")])
    hashed = hash_password(password)
    with write(engine) as connection:
        user_id = _id_of(connection, name)
        connection.execute(update(User).where(User.id == user_id).values(password_hash=hashed))
        end_sessions_of(connection, user_id, clock())


def end_sessions(engine: Engine, name: str, *, clock: Clock = system_clock) -> int:
    """Sign a user out everywhere; how many sessions there were. Raises NotFound."""
    with write(engine) as connection:
        return end_sessions_of(connection, _id_of(connection, name), clock())


def _id_of(connection: Connection, name: str) -> str:
    found = connection.scalar(select(User.id).where(User.name == name))
    if found is None:
        raise NotFound(f"There is no user named {name[:80]!r}; `farm users list` shows those there are.")
    return found


def _leave_an_operator(connection: Connection, user_id: str) -> None:
    """Refuse with Conflict where nobody else could run the farm. The rows are locked: two cannot remove each other."""
    operators = (
        select(User.id)
        .where(User.role == Role.OPERATOR.value, User.disabled_at.is_(None))
        .order_by(User.id)
        .with_for_update()
    )
    if set(connection.scalars(operators)) == {user_id}:
        raise Conflict("This is the last operator; make another one first: `farm users create NAME --role operator`.")
