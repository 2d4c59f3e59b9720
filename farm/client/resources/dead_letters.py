"""Renders that failed for good: read them, have them tried anew."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from farm.client.connection.transport import Transport, api_path, read_reply
from farm.client.lists import pages
from farm.client.replies import DeadLetter, Retried


class DeadLetters:
    """The dead letters of a project."""

    _transport: Transport

    def dead_letters(
        self,
        *,
        job_id: str | None = None,
        model: str | None = None,
        reason: str | None = None,
        all_projects: bool = False,
        limit: int | None = None,
    ) -> Iterator[DeadLetter]:
        """Renders that failed for good, newest first, with the last log lines of their workers.

        `reason`: only with these words in it; `all_projects`: for operators.
        """
        params = {"job": job_id, "model": model, "reason": reason, "all_projects": all_projects or None}
        return pages(self._transport, DeadLetter, api_path("dead-letters"), params, limit)

    def retry_dead_letters(
        self,
        render_ids: Sequence[str] = (),
        *,
        job_id: str | None = None,
        model: str | None = None,
        reason: str | None = None,
        everything: bool = False,
        all_projects: bool = False,
    ) -> Retried:
        """Let failed renders be tried anew: all that is given must hold; `everything` if nothing else is given."""
        asked = {
            "renders": list(render_ids) or None,
            "job": job_id,
            "model": model,
            "reason": reason,
            "everything": everything or None,
            "all_projects": all_projects or None,
        }
        body = {name: value for name, value in asked.items() if value is not None}
        return read_reply(Retried, self._transport.control(api_path("dead-letters", "retry"), body))
