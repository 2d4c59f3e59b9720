"""People whom an OpenID Connect provider vouches for: found by issuer and subject, never by a name.

The provider decides role and project anew at each sign-in. A name that somebody has already is not taken over.
"""

from dataclasses import dataclass

import structlog
from sqlalchemy import Connection, Engine, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from farm.accounts.authentication import Principal
from farm.accounts.names import name_faults
from farm.accounts.staff import leave_an_admin
from farm.audit.record import Action, record
from farm.clock import Clock, system_clock
from farm.database import write
from farm.errors import Conflict, Forbidden, NotFound
from farm.ids import new_id
from farm.security import Role
from farm.tables import Key, Project, User

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Identity:
    """Whom a provider has named. `subject` is the provider's own, and stays when the name changes."""

    issuer: str
    subject: str
    name: str
    role: Role
    project: str  # its name


def admit_identity(engine: Engine, identity: Identity, now: float) -> Principal:
    """The user of this identity, made at the first sign-in, with the role and the project that it has now.

    Raises:
        Forbidden: the user is disabled, the farm has no such project, or the name cannot be one.
        Conflict: the name is somebody else's.
    """
    if name_faults(identity.name):
        raise Forbidden("The sign-in service sends a name that this farm cannot use.")
    try:
        with write(engine) as connection:
            project_id = connection.scalar(select(Project.id).where(Project.name == identity.project))
            if project_id is None:
                raise Forbidden(f"You belong to the project {identity.project!r}, which this farm does not have yet.")
            statement = select(User).where(User.oidc_issuer == identity.issuer, User.oidc_subject == identity.subject)
            user = connection.execute(statement.with_for_update()).one_or_none()
            if user is None:
                return _make(connection, identity, project_id, now)
            if user.disabled_at is not None:
                raise Forbidden("You are shut out of this farm; ask one of its admins.")
            return _follow(connection, user.id, Role(user.role), user.project_id, identity, project_id, now)
    except IntegrityError as error:
        raise Conflict(
            f"There is a user named {identity.name!r} already who is not known to the sign-in service. An admin of the "
            "farm connects the two: `farm users connect NAME SUBJECT`."
        ) from error


def connect_user(engine: Engine, name: str, issuer: str, subject: str, *, clock: Clock = system_clock) -> None:
    """Let a user who is here already sign in by a provider, as its `subject`. Raises NotFound, Conflict."""
    try:
        with write(engine) as connection:
            values = {"oidc_issuer": issuer, "oidc_subject": subject}
            if not connection.execute(update(User).where(User.name == name).values(values)).rowcount:
                raise NotFound(f"There is no user named {name[:80]!r}; `farm users list` shows those there are.")
            record(connection, Action.USER_CHANGED, name, clock(), subject=subject)
    except IntegrityError as error:
        raise Conflict(f"The subject {subject[:80]!r} is another user's already.") from error


def _make(connection: Connection, identity: Identity, project_id: str, now: float) -> Principal:
    user_id = new_id()
    row = {"id": user_id, "project_id": project_id, "name": identity.name, "role": identity.role.value}
    known = {"oidc_issuer": identity.issuer, "oidc_subject": identity.subject, "created_at": now}
    connection.execute(insert(User), row | known)
    told = {"role": identity.role.value, "subject": identity.subject}
    record(connection, Action.USER_CREATED, identity.name, now, project_id=project_id, **told)
    return Principal(project_id, user_id, identity.role)


def _follow(
    connection: Connection, user_id: str, role: Role, project: str, identity: Identity, project_id: str, now: float
) -> Principal:
    """What has changed at the provider changes here. The last admin stays one, or nobody could let others in."""
    wanted = identity.role
    if role is Role.ADMIN and wanted is not Role.ADMIN:
        try:
            leave_an_admin(connection, user_id)
        except Conflict:
            log.warning("the last admin stays one, whatever the groups say", user=user_id)
            wanted = role
    if (wanted, project_id) != (role, project):
        values = {"role": wanted.value, "project_id": project_id}
        connection.execute(update(User).where(User.id == user_id).values(values))
        # A key is of one project: those of the project that the user has left end.
        left = update(Key).where(Key.user_id == user_id, Key.project_id != project_id, Key.revoked_at.is_(None))
        connection.execute(left.where(or_(Key.expires_at.is_(None), Key.expires_at > now)).values(revoked_at=now))
        record(connection, Action.USER_CHANGED, identity.name, now, project_id=project_id, role=wanted.value)
    return Principal(project_id, user_id, wanted)
