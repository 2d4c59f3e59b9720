"""Every kind of error that people meet, and its document for programs (RFC 9457)."""

from typing import Any

import farm.quota_errors  # its kinds are among every_error
import farm.stream_errors  # noqa: F401  as well
from farm.errors import FarmError


def every_error() -> list[type[FarmError]]:
    """All public kinds of errors, parents first, for documentation and for `/problems/<type>`."""
    found: list[type[FarmError]] = []
    waiting: list[type[FarmError]] = [FarmError]
    while waiting:
        kind = waiting.pop(0)
        if not kind.__name__.startswith("_"):
            found.append(kind)
        waiting.extend(kind.__subclasses__())
    return found


def problem(error: FarmError, instance: str | None = None) -> dict[str, Any]:
    """The RFC 9457 document of an error; `instance` is the path of the request or a 'urn:uuid:…', if there is one."""
    document: dict[str, Any] = {
        "type": f"/problems/{error.type}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
    }
    if instance is not None:
        document["instance"] = instance
    document |= error.members
    if error.faults:
        document["errors"] = [{"pointer": fault.field, "detail": fault.message} for fault in error.faults]
    return document
