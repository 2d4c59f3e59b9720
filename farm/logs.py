"""How all processes of the farm write their logs: one set-up, for our own lines and for those of libraries.

Lines go to stderr, for people (`log_format: console`) or for machines (`json`, one object a line). Whoever
writes them (structlog, the standard library, a warning, an exception that nobody caught), they pass
`farm.redaction`.
"""

import contextlib
import logging
import sys
import threading
from collections.abc import Callable
from types import TracebackType
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from farm.error_reports import report_errors
from farm.redaction import Redaction, known_secrets
from farm.settings import Settings

#: Libraries that tell more than is useful at INFO, and sometimes parameters of statements at DEBUG.
_QUIET = (
    "botocore",
    "boto3",
    "urllib3",
    "httpx",
    "httpcore",
    "s3transfer",
    "sqlalchemy.engine",
    "amqp",
    "PIL",
)


#: What stands in every line for machines, besides what it says itself.
_IDENTITY: dict[str, str] = {}


def configure_logging(settings: Settings, stream: TextIO | None = None) -> None:
    """Send all log lines of this process to `stream` (stderr), without secrets; called again, it starts anew.
    Errors are reported, too, where the settings say to whom; raises SettingsError as :func:`report_errors` does.

    A Celery process must also connect `celery.signals.setup_logging`, or Celery puts its own in place.
    """
    _IDENTITY.clear()
    redaction = Redaction(known_secrets(settings))
    handler = _Handler(stream)
    handler.setFormatter(_formatter(settings, redaction, colours=(stream or sys.stderr).isatty()))
    reports = report_errors(settings, redaction, _IDENTITY)
    logging.basicConfig(handlers=[handler, *filter(None, [reports])], level=settings.log_level.upper(), force=True)
    logging.captureWarnings(True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.filter_by_level,
            *_described(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,  # a logger made before this call must follow it
    )
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_in_thread


def also_tell(settings: Settings, tell: Callable[[str], object]) -> None:
    """Hand every log line of this process, as people read it and without secrets, to `tell` too."""
    handler = _Teller(tell)
    people = settings.model_copy(update={"log_format": "console"})
    handler.setFormatter(_formatter(people, Redaction(known_secrets(settings)), colours=False))
    logging.getLogger().addHandler(handler)


def identify(**fields: str) -> None:
    """Every line for machines says from now on what this process is: its `role`, its `worker`, its `pool`."""
    _IDENTITY.update(fields)


def _add_identity(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    return {**_IDENTITY, **event}


class _Handler(logging.StreamHandler[TextIO]):
    """Says that a line could not be written, but not which: the default prints its arguments."""

    def handleError(self, record: logging.LogRecord) -> None:
        kind = sys.exc_info()[0]
        if self.stream and kind is not BrokenPipeError:
            place = f"{record.pathname}:{record.lineno}"
            with contextlib.suppress(OSError, ValueError):
                self.stream.write(f"a log line could not be written ({kind and kind.__name__}) at {place}\n")


class _Teller(logging.Handler):
    """Its line is lost when it cannot be told: it stands in the log all the same."""

    def __init__(self, tell: Callable[[str], object]) -> None:
        super().__init__()
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(Exception):
            self._tell(self.format(record))


def _described() -> list[Processor]:
    return [
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.StackInfoRenderer(),
    ]


def _formatter(settings: Settings, redaction: Redaction, colours: bool) -> logging.Formatter:
    renderer: Processor
    identity: list[Processor] = []
    if settings.log_format == "json":
        identity = [_add_identity]  # people see which process they look at
        renderer = structlog.processors.JSONRenderer(ensure_ascii=False)
    else:
        renderer = structlog.dev.ConsoleRenderer(colors=colours, timestamp_key="at", pad_event_to=0)
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.contextvars.merge_contextvars,
            *_described(),
            structlog.stdlib.ExtraAdder(),
        ],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            *identity,
            structlog.processors.format_exc_info,  # to text, so that redaction sees it
            redaction,
            renderer,
        ],
    )


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    logging.getLogger("farm").critical("stopped by an error that nobody expected", exc_info=(kind, error, trace))


def _log_uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is None or issubclass(args.exc_type, SystemExit):
        return
    logging.getLogger("farm").critical(
        "a thread was stopped by an error that nobody expected",
        exc_info=(args.exc_type, args.exc_value, args.exc_traceback),
        extra={"thread_name": args.thread.name if args.thread else None},
    )
