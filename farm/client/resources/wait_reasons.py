"""Why a job or a render waits, and when it starts and ends."""

from __future__ import annotations

from farm.client.connection.transport import Transport, api_path, read_reply
from farm.client.errors import FarmProblem
from farm.client.replies import Why

_NOT_FOUND = 404


class WaitReasons:
    """What the farm says of why work is where it is."""

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
