"""Errors as OpenAI's client packages read them: {"error": {"message", "type", "param", "code"}}."""

from typing import Any

from flask import Response, json

from farm.errors import FarmError, UnknownModel
from farm.quota_errors import BudgetSpent

#: All addresses of this surface begin with it.
PREFIX = "/v1"
#: Kinds of errors that have a name of their own there; all others have ours.
_CODES = {
    "unauthorized": "invalid_api_key",
    "unknown-model": "model_not_found",
    "quota-exceeded": "rate_limit_exceeded",
    "too-many-requests": "rate_limit_exceeded",
}
_CODES |= {"budget-spent": "insufficient_quota"}
#: Our fields by the names under which they were sent.
_SENT_AS = {"width": "size", "height": "size", "seed_count": "n", "output_quality": "output_compression"}


class NotInTime(FarmError):
    """The picture was not there in time; submit it by POST /api/v1/jobs and come back."""

    type = "not-in-time"
    title = "Not done in time"
    status = 504


class NotRendered(FarmError):
    """The picture or clip was not rendered; the message says why."""

    type = "not-rendered"
    title = "Not rendered"
    status = 500


def is_here(path: str) -> bool:
    """Whether an address belongs to this surface."""
    return path == PREFIX or path.startswith(PREFIX + "/")


def document(error: FarmError, instance: str | None = None) -> dict[str, Any]:
    """The error as JSON values; `instance` names the line in the log that tells more, if there is one."""
    said = [(_param(fault.field), fault.message) for fault in error.faults]
    message = "; ".join(f"{param}: {text}" if param else text for param, text in said) or error.detail
    if instance is not None:
        message += f" ({instance})"
    return {
        "error": {
            "message": message,
            "type": _type(error),
            "param": next((param for param, _ in said if param), None),
            "code": _CODES.get(error.type, error.type.replace("-", "_")),
        }
    }


def response(error: FarmError, instance: str | None = None) -> Response:
    """The answer. Its clients send everything again that failed with 409, 429 or 5xx, unless it says not to."""
    status = _status(error)
    again = status == 503 or (status == 429 and error.wait_seconds is not None)
    answer = Response(json.dumps(document(error, instance)), status=status, content_type="application/json")
    answer.headers["x-should-retry"] = "true" if again else "false"
    return answer


def _status(error: FarmError) -> int:
    if isinstance(error, UnknownModel):
        return 404
    if isinstance(error, BudgetSpent):
        return 429
    return 400 if error.status == 422 else error.status


def _type(error: FarmError) -> str:
    if isinstance(error, BudgetSpent):
        return "insufficient_quota"
    status = _status(error)
    if status >= 500:
        return "server_error"
    return {403: "permission_error", 429: "rate_limit_error"}.get(status, "invalid_request_error")


def _param(pointer: str) -> str | None:
    """The field of a JSON pointer, as the client calls it: '/width' → size; none for the whole body."""
    name = pointer.removeprefix("/").partition("/")[0]
    return _SENT_AS.get(name, name) or None
