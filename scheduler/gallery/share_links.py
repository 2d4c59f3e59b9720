"""Share links of a project: made, listed, found by their secret, revoked. Only the SHA-256 of a secret is kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, delete, func, insert, select, update

from farm.audit.record import Action, record
from farm.database import write
from farm.errors import Conflict, NotFound
from farm.ids import new_id
from farm.security import is_secret, new_secret, secret_sha256
from farm.tables import Job, Project, ShareLink, User
from farm.tables.share_links import SharedKind
from scheduler.gallery.boards import find_board
from scheduler.gallery.owned_renders import check_owned

#: A leap year: what is to be seen for longer belongs elsewhere.
LONGEST_SECONDS = 366 * 86_400.0
#: Links of a project that have not ended.
MOST_LINKS = 500
#: For so long a link that has ended says so, and stands in the list.
KEPT_SECONDS = 90 * 86_400.0


@dataclass(frozen=True)
class NewLink:
    """A link that was just made; `secret` is part of its address, shown once and kept nowhere."""

    id: str
    secret: str

    def __repr__(self) -> str:
        return f"NewLink(id={self.id!r})"


def create_share_link(
    engine: Engine,
    project_id: str,
    user_id: str | None,
    kind: SharedKind,
    target: str,
    *,
    parameters: bool,
    seconds: float,
    now: float,
) -> NewLink:
    """A link to a finished render, a job or a board of this project, for `seconds`.

    Raises NotFound when there is no such thing; Conflict when the project has MOST_LINKS already.
    """
    made = NewLink(new_id(), new_secret())
    with write(engine) as connection:
        # Locked, so that two who make the last one come one after the other.
        connection.execute(select(Project.id).where(Project.id == project_id).with_for_update())
        _check_target(connection, project_id, kind, target)
        of_project = ShareLink.project_id == project_id
        connection.execute(delete(ShareLink).where(of_project, ShareLink.expires_at < now - KEPT_SECONDS))
        open_ones = select(func.count()).where(of_project, ShareLink.revoked_at.is_(None), ShareLink.expires_at > now)
        if int(connection.scalar(open_ones) or 0) >= MOST_LINKS:
            raise Conflict(f"Your project has {MOST_LINKS} share links that work; revoke some first.")
        row = {
            "id": made.id,
            "project_id": project_id,
            "user_id": user_id,
            "secret_sha256": secret_sha256(made.secret),
            "kind": SharedKind(kind).value,
            "target": target,
            "parameters": parameters,
            "created_at": now,
            "expires_at": now + seconds,
        }
        connection.execute(insert(ShareLink), row)
        told = {"kind": row["kind"], "of": target, "seconds": seconds, "parameters": parameters}
        record(connection, Action.SHARE_LINK_CREATED, made.id, now, project_id=project_id, **told)
    return made


def list_share_links(connection: Connection, project_id: str) -> Sequence[Any]:
    """The links of a project, the newest first, also those that ended lately. Reads ix_share_links_project_id_id."""
    return connection.execute(_rows().where(ShareLink.project_id == project_id).order_by(ShareLink.id.desc())).all()


def find_share_link(connection: Connection, project_id: str, link_id: str) -> Any:
    """One link of a project. Raises NotFound."""
    row = connection.execute(_rows().where(ShareLink.id == link_id, ShareLink.project_id == project_id)).one_or_none()
    if row is None:
        raise NotFound(f"There is no share link {link_id} in your project.")
    return row


def share_link_of(connection: Connection, secret: str) -> Any | None:
    """The link that has this secret, whether it has ended or not; by the unique index alone."""
    if not is_secret(secret):
        return None
    return connection.execute(_rows().where(ShareLink.secret_sha256 == secret_sha256(secret))).one_or_none()


def revoke_share_link(engine: Engine, project_id: str, link_id: str, now: float) -> None:
    """End a link at once; one that has ended stays as it is. Raises NotFound."""
    with write(engine) as connection:
        find_share_link(connection, project_id, link_id)
        still_open = (ShareLink.id == link_id, ShareLink.revoked_at.is_(None), ShareLink.expires_at > now)
        if connection.execute(update(ShareLink).where(*still_open).values(revoked_at=now)).rowcount:
            record(connection, Action.SHARE_LINK_REVOKED, link_id, now, project_id=project_id)


def has_ended(row: Any, now: float) -> bool:
    """Whether a link shows nothing any more."""
    return row.revoked_at is not None or row.expires_at <= now


def _check_target(connection: Connection, project_id: str, kind: SharedKind, target: str) -> None:
    if kind is SharedKind.BOARD:
        find_board(connection, project_id, target)
    elif kind is SharedKind.RENDER:
        check_owned(connection, project_id, [target], done=True)
    elif connection.scalar(select(Job.id).where(Job.id == target, Job.project_id == project_id)) is None:
        raise NotFound(f"There is no job {target} in your project.")


def _rows() -> Any:
    return select(
        ShareLink.id,
        ShareLink.project_id,
        ShareLink.kind,
        ShareLink.target,
        ShareLink.parameters,
        ShareLink.created_at,
        ShareLink.expires_at,
        ShareLink.revoked_at,
        User.name.label("user"),
    ).outerjoin(User, User.id == ShareLink.user_id)
