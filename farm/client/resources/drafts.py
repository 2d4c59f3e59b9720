"""Renders that stopped at a step: looked at, and chosen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from farm.client.connection.transport import Transport, api_path, read_reply
from farm.client.lists import pages
from farm.client.replies import Kept, Render
from farm.lifecycle import RenderStatus


class Drafts:
    """Choices among drafts."""

    _transport: Transport

    def drafts(self, job_id: str) -> Iterator[Render]:
        """The renders of a job that stopped at their step and wait for a choice, in its order."""
        for render in pages(self._transport, Render, api_path("jobs", job_id, "renders")):
            if render.status == RenderStatus.DRAFTED:
                yield render

    def keep(self, job_id: str, render_ids: Sequence[str], *, stop: Literal["prompt", "job"] | None = None) -> Kept:
        """Let drafts of a job go on from their step. `stop` cancels what has not ended of the others.

        'prompt' means those with the prompt of one that is kept, 'job' all others of the job.
        """
        body = {"renders": list(render_ids), "stop": stop}
        return read_reply(Kept, self._transport.post(api_path("jobs", job_id, "keep"), body, repeatable=True))
