"""What an admin does with users: lists, disables, enables, removes, gives a role or a password, ends sessions.

One admin who can sign in always stays: whoever would disable, remove or demote the last one is refused.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, Engine, delete, func, select, update

from farm.accounts.sessions import end_sessions_of
from farm.audit.record import Action, record
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


def list_users(engine: Engine, project: str | None = None, *, clock: Clock = system_clock) -> list[UserRow]:
    """All users, or those of the project of this name, by name."""
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
    if project is not None:
        statement = statement.where(Project.name == project)
    with read(engine) as connection:
        return [UserRow(*row) for row in connection.execute(statement)]


def change_user(
    engine: Engine,
    name: str,
    *,
    role: Role | None = None,
    password_hash: str | None = None,
    ends_sessions: bool = False,
    disabled: bool | None = None,
    clock: Clock = system_clock,
) -> int:
    """Change what is given, all of it or nothing; how many sessions it ended. Raises NotFound, Conflict.

    A new password (`new_password_hash`) ends all sessions, and so does being disabled; another role holds at once, also
    in sessions and keys that are open. Jobs go on. Enabled again, the keys that were not revoked work again.
    """
    with write(engine) as connection:
        user_id = _id_of(connection, name)
        if disabled or role not in (None, Role.ADMIN):
            leave_an_admin(connection, user_id)
        values = {"role": role and Role(role).value, "password_hash": password_hash}
        if changes := {column: value for column, value in values.items() if value is not None}:
            connection.execute(update(User).where(User.id == user_id).values(changes))
        now = clock()
        if disabled is not None:
            other = User.disabled_at.is_(None) if disabled else User.disabled_at.is_not(None)
            at = now if disabled else None
            connection.execute(update(User).where(User.id == user_id, other).values(disabled_at=at))
        ended = 0
        if ends_sessions or disabled or password_hash is not None:
            ended = end_sessions_of(connection, user_id, now)
        told = {
            "role": values["role"],
            "disabled": disabled,
            "password": None if password_hash is None else "changed",
            "sessions_ended": ended or None,
        }
        project_id = connection.scalar(select(User.project_id).where(User.id == user_id))
        record(connection, Action.USER_CHANGED, name, now, project_id=project_id, **told)
    return ended


def new_password_hash(password: str) -> str:
    """The hash of a password that somebody gives a user; slow on purpose. Raises InvalidRequest."""
    if not password:
        raise InvalidRequest([Fault("/password", "must not be empty")])
    return hash_password(password)


def remove_user(engine: Engine, name: str, *, clock: Clock = system_clock) -> None:
    """Forget a user, with sessions and keys; the jobs stay with the project. Raises NotFound, Conflict."""
    change_user(engine, name, disabled=True, clock=clock)  # nothing new comes while the jobs are gone through
    with read(engine) as connection:
        user_id = _id_of(connection, name)
    some = select(Job.id).where(Job.user_id == user_id).limit(_CHUNK)
    while True:
        with write(engine) as connection:
            if connection.execute(update(Job).where(Job.id.in_(some)).values(user_id=None)).rowcount < _CHUNK:
                break
    with write(engine) as connection:
        connection.execute(update(Job).where(Job.user_id == user_id).values(user_id=None))
        project_id = connection.scalar(select(User.project_id).where(User.id == user_id))
        for table in (Session, Key):
            connection.execute(delete(table).where(table.user_id == user_id))
        connection.execute(delete(User).where(User.id == user_id))
        record(connection, Action.USER_REMOVED, name, clock(), project_id=project_id)


def _id_of(connection: Connection, name: str) -> str:
    found = connection.scalar(select(User.id).where(User.name == name))
    if found is None:
        raise NotFound(f"There is no user named {name[:80]!r}; `farm users list` shows those there are.")
    return found


def leave_an_admin(connection: Connection, user_id: str) -> None:
    """Refuse with Conflict where nobody else could run the farm. The rows are locked: two cannot remove each other."""
    admins = (
        select(User.id)
        .where(User.role == Role.ADMIN.value, User.disabled_at.is_(None))
        .order_by(User.id)
        .with_for_update()
    )
    if set(connection.scalars(admins)) == {user_id}:
        raise Conflict("This is the last admin; make another one first: `farm users create NAME --role admin`.")
