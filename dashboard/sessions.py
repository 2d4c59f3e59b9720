"""Session cookies are signed by the farm's time.

A cookie from the future is refused, so with each machine's own clock a person would be signed out by every other answer
where two dashboards stand behind one address and their clocks differ.

What a browser may keep is sent without a cookie. A fresh one with each answer, and `Vary: Cookie` beside it, would make
all that it has kept another's a second later: every thumbnail was fetched again at every look at a page.
"""

from typing import Any

from flask import Flask, Response
from flask.sessions import SecureCookieSessionInterface, SessionMixin
from itsdangerous import TimestampSigner, URLSafeTimedSerializer

from farm.clock import Clock


class FarmSessions(SecureCookieSessionInterface):
    """Flask's sessions in signed cookies; when they were signed, and whether they are too old, is by `clock`."""

    def __init__(self, clock: Clock) -> None:
        class Signer(TimestampSigner):
            def get_timestamp(self) -> int:
                return int(clock())

        self._signer = Signer

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        """Flask's own, with another clock."""
        serializer: Any = super().get_signing_serializer(app)
        if serializer is not None:
            serializer.signer = self._signer
        return serializer  # type: ignore[no-any-return]

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Flask's own, but for answers that the browser may keep: `private, max-age=…`."""
        if response.cache_control.max_age and not session.modified:
            return
        super().save_session(app, session, response)
