"""The one writer of the audit log, called in the transaction of the deed: neither is there without the other.

No secrets and no prompts: a detail is a name, a number, a state, or that something was changed.
"""

from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, insert, select

from farm.audit.actor import current_actor
from farm.ids import new_id
from farm.tables import AuditEntry, Key, User


class Action(StrEnum):
    """What was done."""

    SESSION_BEGUN = "session.begun"
    SESSION_REFUSED = "session.refused"
    SESSION_ENDED = "session.ended"
    LINK_CREATED = "link.created"
    KEY_CREATED = "key.created"
    KEY_REVOKED = "key.revoked"
    USER_CREATED = "user.created"
    USER_CHANGED = "user.changed"
    USER_REMOVED = "user.removed"
    PROJECT_CREATED = "project.created"
    PROJECT_CHANGED = "project.changed"
    PROJECT_PAUSED = "project.paused"
    PROJECT_RESUMED = "project.resumed"
    JOB_DELETED = "job.deleted"
    JOB_RESTORED = "job.restored"
    RENDER_DELETED = "render.deleted"
    RENDER_RESTORED = "render.restored"
    INPUT_DELETED = "input.deleted"
    SHARE_LINK_CREATED = "share_link.created"
    SHARE_LINK_REVOKED = "share_link.revoked"
    WEBHOOK_CREATED = "webhook.created"
    WEBHOOK_CHANGED = "webhook.changed"
    WEBHOOK_DELETED = "webhook.deleted"
    LANE_PAUSED = "lane.paused"
    LANE_RESUMED = "lane.resumed"
    POOL_PAUSED = "pool.paused"
    POOL_RESUMED = "pool.resumed"
    POOL_SCALED = "pool.scaled"
    WORKER_RELEASED = "worker.released"
    WORKER_DRAINED = "worker.drained"


def record(
    connection: Connection,
    action: Action,
    target: str | None,
    at: float,
    *,
    project_id: str | None = None,
    **details: Any,
) -> None:
    """Write down what the current actor does to `target` (a name or an id), at `at` (seconds since 1970).

    The names of user and key are written as they are now: both may be removed later. A detail that is None is left out.
    """
    actor = current_actor()
    user = actor.user_id and connection.scalar(select(User.name).where(User.id == actor.user_id))
    key = actor.key_id and connection.scalar(select(Key.name).where(Key.id == actor.key_id))
    row = {
        "id": new_id(),
        "at": at,
        "action": Action(action).value,
        "actor": user or actor.name or key or "nobody known",
        "user_id": actor.user_id,
        "key_id": actor.key_id,
        "via": actor.via.value,
        "address": actor.address,
        "request_id": actor.request_id,
        "project_id": project_id,
        "target": target,
        "details": {name: value for name, value in details.items() if value is not None},
    }
    connection.execute(insert(AuditEntry), row)
