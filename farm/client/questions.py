"""What people ask about work and its price: why it waits, and what was used."""

from __future__ import annotations

from farm.client.connection.transport import Transport, api_path, read_reply
from farm.client.errors import FarmProblem
from farm.client.replies import Usage, Why

_NOT_FOUND = 404


class Questions:
    """Questions to a farm that change nothing."""

    _transport: Transport

    def why(self, job_id: str) -> Why:
        """Why a job is where it is, and when it starts and ends."""
        return read_reply(Why, self._transport.get(api_path("jobs", job_id, "why")))

    def why_render(self, render_id: str) -> Why:
        """Why one render is where it is, and when it starts and ends."""
        return read_reply(Why, self._transport.get(api_path("renders", render_id, "why")))

    def why_any(self, found_id: str) -> Why:
        """The same for an id of which nobody remembers whether it is a job's or a render's."""
        try:
            return self.why(found_id)
        except FarmProblem as problem:
            if problem.status != _NOT_FOUND:
                raise
            return self.why_render(found_id)

    def usage(self, days: int = 30, project: str | None = None) -> Usage:
        """What the project used in the last `days` days (UTC), by day and pool; operators name any `project`."""
        return read_reply(Usage, self._transport.get(api_path("usage"), {"days": days, "project": project}))
