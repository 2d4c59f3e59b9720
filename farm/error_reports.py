"""Errors sent to a Sentry, where the setting `sentry_dsn` names one: what is logged as an error, by type and place.

An error's own words and the values of variables may hold prompts, names and secrets, so they stay in the log and are
not sent. What is: the event as our code words it, the types of the exceptions, the frames (file, line, function, our
source), and the ids below.
"""

import atexit
import logging
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import farm
from farm.errors import Fault, SettingsError
from farm.redaction import Redaction
from farm.settings import Settings

#: Log keys whose values are names of the farm's own, or ids.
_SENT = ("role", "worker", "pool", "model", "lane", "duty", "part", "job_id", "render", "method", "path", "status")
#: How long a process that ends waits for what is still to be sent, in seconds.
_FLUSH_SECONDS = 2.0
_NOT_SENT = "(its words are in the log)"


def report_errors(settings: Settings, redaction: Redaction, identity: Mapping[str, str]) -> logging.Handler | None:
    """What takes error lines of this process, to be put beside the handler of the log; None: nobody is told.

    `identity` stands in every report. Raises SettingsError: the package is missing, or the address is none.
    """
    if settings.sentry_dsn is None:
        return None
    place = settings.origin("sentry_dsn")
    try:
        import sentry_sdk
        from sentry_sdk.utils import BadDsn
    except ImportError:
        raise SettingsError(
            [Fault(f"{place}: sentry_dsn", "needs latent-farm[sentry], which is not installed here")]
        ) from None
    try:
        sentry_sdk.init(
            dsn=settings.sentry_dsn.get_secret_value(),
            release=f"latent-farm@{farm.__version__}",
            environment=settings.environment or "production",
            default_integrations=False,  # they would send arguments, modules and requests
            auto_enabling_integrations=False,
            include_local_variables=False,
            send_client_reports=False,
            auto_session_tracking=False,
            max_breadcrumbs=0,
            spotlight=False,
        )
    except BadDsn:
        words = "must be an address such as https://KEY@sentry.example.org/1; its value is secret and not shown"
        raise SettingsError([Fault(f"{place}: sentry_dsn", words)]) from None
    atexit.register(sentry_sdk.flush, _FLUSH_SECONDS)
    return _Reporter(redaction, identity)


class _Reporter(logging.Handler):
    """Sends each line of level ERROR and above."""

    def __init__(self, redaction: Redaction, identity: Mapping[str, str]) -> None:
        super().__init__(logging.ERROR)
        self._redaction = redaction
        self._identity = identity

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith("sentry_sdk"):
            return
        with suppress(Exception):  # the line itself is in the log; a second one about it could only say too much
            self._send(record)

    def _send(self, record: logging.LogRecord) -> None:
        import sentry_sdk
        from sentry_sdk.utils import event_from_exception

        # Lines of structlog are dictionaries until they are drawn; of others the template, whose arguments stay here.
        said: Mapping[str, Any] = record.msg if isinstance(record.msg, dict) else {"event": str(record.msg)}
        event: dict[str, Any] = {}
        if (error := _error_of(said.get("exc_info") or record.exc_info)) is not None:
            made, _ = event_from_exception(error, client_options=sentry_sdk.get_client().options)
            event = dict(made)
            for one in event["exception"]["values"]:
                one["value"] = _NOT_SENT
        known = {**self._identity, **said}
        event |= {
            "level": "fatal" if record.levelno >= logging.CRITICAL else "error",
            "logger": record.name,
            "logentry": {"message": self._redaction.text(str(said.get("event", "")))},
            "tags": {name: self._redaction.text(str(known[name])) for name in _SENT if known.get(name) is not None},
        }
        sentry_sdk.capture_event(event)  # type: ignore[arg-type]


def _error_of(told: Any) -> BaseException | None:
    """The exception of a line: given as itself, as what `sys.exc_info()` says, or as True for the one at hand."""
    if told is True:
        told = sys.exc_info()
    if isinstance(told, tuple):
        told = told[1]
    return told if isinstance(told, BaseException) else None
