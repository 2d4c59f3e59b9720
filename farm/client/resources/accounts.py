"""Projects and what they use, their people and keys, as far as the one who asks may see and change them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from farm.client.connection.transport import Transport, api_path, read_reply
from farm.client.lists import pages, whole_list
from farm.client.replies import AuditEntry, Key, MadeKey, Member, Project, Usage, User, WhoAmI


class Accounts:
    """Who uses the farm."""

    _transport: Transport

    def whoami(self) -> WhoAmI:
        """Whom the key speaks for: the project, the person, the role."""
        return read_reply(WhoAmI, self._transport.get(api_path("whoami")))

    def projects(self) -> list[Project]:
        """The projects, by name: for operators and admins all, for others their own."""
        return whole_list(self._transport, Project, api_path("projects"))

    def create_project(self, name: str, weight: float = 1.0) -> Project:
        """Make a project; `weight` is its part in the fair share. For admins."""
        body = {"name": name, "weight": weight}
        return read_reply(Project, self._transport.post(api_path("projects"), body, repeatable=False))

    def change_project(self, name: str, **changes: float | None) -> Project:
        """Set what is given of a project and leave the rest; a limit of None is none. For admins.

        `weight`, `max_pending`, `max_running`, `gpu_seconds_per_day`, `budget`, `retention_days`.
        """
        return read_reply(Project, self._transport.patch(api_path("projects", name), changes))

    def usage(self, days: int = 30, project: str | None = None) -> Usage:
        """What the project used in the last `days` days (UTC), by day and pool; operators name any `project`."""
        return read_reply(Usage, self._transport.get(api_path("usage"), {"days": days, "project": project}))

    def members(self, project: str | None = None) -> list[Member]:
        """The people of a project, by its name; without one of your own."""
        name = project or self.whoami().project.name
        return whole_list(self._transport, Member, api_path("projects", name, "members"))

    def keys(self, project: str | None = None) -> list[Key]:
        """Your own API keys, oldest first, ended ones too; with `project`, for admins, all of that project."""
        return whole_list(self._transport, Key, api_path("keys"), {"project": project})

    def create_key(
        self,
        name: str,
        *,
        seconds: float | None = None,
        project: str | None = None,
        scopes: Sequence[str] | None = None,
    ) -> MadeKey:
        """Make an API key of your own; its `secret` is in this answer and never again.

        `seconds`: it lives so long; without it until it is revoked. `project`, for admins: a key of that project
        that belongs to no person. `scopes`: it may do no more than these, of read, submit, operate and admin.
        """
        asked = {"name": name, "seconds": seconds, "project": project, "scopes": scopes and list(scopes)}
        body = {field: value for field, value in asked.items() if value is not None}
        return read_reply(MadeKey, self._transport.post(api_path("keys"), body, repeatable=False))

    def revoke_key(self, key_id: str) -> None:
        """End a key at once: your own, or for admins any."""
        self._transport.delete(api_path("keys", key_id))

    def audit(
        self,
        *,
        action: str | None = None,
        actor: str | None = None,
        target: str | None = None,
        project: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int | None = None,
    ) -> Iterator[AuditEntry]:
        """Who did what to what, the newest first; all that is given must hold. Times with their zone. For admins."""
        asked = {"action": action, "actor": actor, "target": target, "project": project}
        times = {"since": since and since.isoformat(), "until": until and until.isoformat()}
        return pages(self._transport, AuditEntry, api_path("audit"), {**asked, **times}, limit)

    def users(self) -> list[User]:
        """All people who may sign in. For admins."""
        return whole_list(self._transport, User, api_path("users"))

    def create_user(self, name: str, project: str, *, role: str = "artist", password: str | None = None) -> User:
        """Let a person come in, as viewer, artist, operator or admin; without a password by links only. For admins."""
        asked = {"name": name, "project": project, "role": role, "password": password}
        body = {field: value for field, value in asked.items() if value is not None}
        return read_reply(User, self._transport.post(api_path("users"), body, repeatable=False))

    def change_user(
        self,
        name: str,
        *,
        role: str | None = None,
        disabled: bool | None = None,
        password: str | None = None,
        end_sessions: bool = False,
    ) -> User:
        """Change what is given of a person; a new password ends all sessions. For admins."""
        asked = {"role": role, "disabled": disabled, "password": password, "end_sessions": end_sessions or None}
        body = {field: value for field, value in asked.items() if value is not None}
        return read_reply(User, self._transport.patch(api_path("users", name), body))

    def remove_user(self, name: str) -> None:
        """Forget a person, with sessions and keys; the jobs stay with the project. For admins."""
        self._transport.delete(api_path("users", name))
