"""Timing of what every process does: statements of SQL, calls to the object storage."""

import time
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, event

from farm.metrics.process_metrics import DATABASE_ERRORS, DATABASE_SECONDS, STORAGE_ERRORS, STORAGE_SECONDS
from farm.metrics.recorder import Recorder

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_STATEMENTS = frozenset({"select", "insert", "update", "delete"})
_STARTED = "farm_metrics_started"


def watch_database(engine: Engine, metrics: Recorder) -> None:
    """Time every statement that this engine executes from now on, and count its errors."""

    def before(_: Any, __: Any, ___: Any, ____: Any, context: Any, _____: Any) -> None:
        context.farm_metrics_started = time.perf_counter()

    def after(_: Any, __: Any, statement: str, ____: Any, context: Any, _____: Any) -> None:
        seconds = time.perf_counter() - context.farm_metrics_started
        metrics.observe(DATABASE_SECONDS, seconds, statement=_kind(statement))

    def failed(_: Any) -> None:
        metrics.count(DATABASE_ERRORS)

    event.listen(engine, "before_cursor_execute", before)
    event.listen(engine, "after_cursor_execute", after)
    event.listen(engine, "handle_error", failed)


def watch_storage(client: "S3Client", metrics: Recorder) -> None:
    """Time every call that this client makes from now on, and count those that failed."""

    def before(context: dict[str, Any], **_: Any) -> None:
        context[_STARTED] = time.perf_counter()

    def after(model: Any, context: dict[str, Any], http_response: Any, **_: Any) -> None:
        metrics.observe(STORAGE_SECONDS, time.perf_counter() - context[_STARTED], operation=model.name)
        if http_response.status_code >= 500 or http_response.status_code in (401, 403):  # 404 is an answer
            metrics.count(STORAGE_ERRORS, operation=model.name)

    def failed(context: dict[str, Any], event_name: str, **_: Any) -> None:
        operation = event_name.rpartition(".")[2]
        metrics.observe(STORAGE_SECONDS, time.perf_counter() - context[_STARTED], operation=operation)
        metrics.count(STORAGE_ERRORS, operation=operation)

    client.meta.events.register("before-call.s3", before)
    client.meta.events.register("after-call.s3", after)
    client.meta.events.register("after-call-error.s3", failed)


def _kind(statement: str) -> str:
    word = statement.lstrip()[:6].lower()
    return word if word in _STATEMENTS else "other"
