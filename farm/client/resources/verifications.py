"""Whether a render comes out again as it was: rendered once more on the farm, and compared there."""

from __future__ import annotations

import uuid

from farm.client.connection.transport import Transport, api_path, read_reply
from farm.client.replies import Verification


class Verifications:
    """Second renders of finished ones."""

    _transport: Transport

    def verify(self, render_id: str) -> Verification:
        """Have a finished render rendered again, as a job of its own that waits and is charged as any other.

        One that is under way already is the answer. Wait for its `job_id`, then ask :meth:`verification`.
        """
        told = self._transport.post(
            api_path("renders", render_id, "verification"),
            headers={"Idempotency-Key": str(uuid.uuid4())},
            repeatable=True,
        )
        return read_reply(Verification, told)

    def verification(self, render_id: str) -> Verification:
        """The newest verification of a render as it is now: its `verdict` once the second render is done."""
        return read_reply(Verification, self._transport.get(api_path("renders", render_id, "verification")))
