"""Jobs, their renders and their events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from farm.client.connection.transport import Transport, api_path, read_reply
from farm.client.lists import pages, whole_list
from farm.client.replies import Job, JobEvent, Render


class Jobs:
    """The work of a project, read as it is now. Lists that come in pages are asked for as they are read."""

    _transport: Transport

    def job(self, job_id: str) -> Job:
        """The job as it is now."""
        return read_reply(Job, self._transport.get(api_path("jobs", job_id)))

    def jobs(
        self,
        *,
        status: str | Sequence[str] | None = None,
        model: str | Sequence[str] | None = None,
        class_name: str | None = None,
        user: str | None = None,
        text: str | None = None,
        tag: str | Sequence[str] | None = None,
        drafted: bool = False,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        finished_after: datetime | None = None,
        finished_before: datetime | None = None,
        deleted: bool = False,
        verifications: str | None = None,
        limit: int | None = None,
    ) -> Iterator[Job]:
        """The project's jobs for which all that is given holds, newest first, at most `limit` of them.

        `text` is looked for in the title, which is by default the first prompt. Times have a zone.
        `tag`: with renders that have it, of several all. `drafted`: with drafts that wait for a choice.
        `deleted`: those that were deleted and are not removed yet, instead of all others. `verifications`: 'with' those
        of verifications, which are left out else, or 'only' those.
        """
        chosen = {
            "status": status,
            "model": model,
            "class": class_name,
            "user": user,
            "text": text,
            "tag": tag,
            "drafted": True if drafted else None,
            "created_after": created_after and created_after.isoformat(),
            "created_before": created_before and created_before.isoformat(),
            "finished_after": finished_after and finished_after.isoformat(),
            "finished_before": finished_before and finished_before.isoformat(),
            "deleted": True if deleted else None,
            "verifications": verifications,
        }
        return pages(self._transport, Job, api_path("jobs"), chosen, limit)

    def renders(
        self,
        job_id: str,
        *,
        status: str | Sequence[str] | None = None,
        text: str | None = None,
        finished_after: datetime | None = None,
        finished_before: datetime | None = None,
        limit: int | None = None,
    ) -> Iterator[Render]:
        """The renders of a job for which all that is given holds, in its order, at most `limit` of them.

        They are asked for page by page as they are read. `status`: only those in it, or in one of these; `text`: only
        those whose prompt holds it. Times have a zone.
        """
        chosen = {
            "status": status,
            "text": text,
            "finished_after": finished_after and finished_after.isoformat(),
            "finished_before": finished_before and finished_before.isoformat(),
        }
        return pages(self._transport, Render, api_path("jobs", job_id, "renders"), chosen, limit)

    def find_render(self, render_id: str) -> Render:
        """The render as it is now, with fresh links to its artifacts."""
        return read_reply(Render, self._transport.get(api_path("renders", render_id)))

    def events(self, job_id: str, *, after: int = 0) -> Iterator[JobEvent]:
        """What happened to a job after a version of it, in order."""
        while page := whole_list(self._transport, JobEvent, api_path("jobs", job_id, "events"), {"after": after}):
            yield from page
            after = page[-1].version
