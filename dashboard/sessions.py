"""Session cookies are signed by the farm's time.

A cookie from the future is refused, so with each machine's own clock a person would be signed out by every other answer
where two dashboards stand behind one address and their clocks differ.
"""

from typing import Any

from flask import Flask
from flask.sessions import SecureCookieSessionInterface
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
