"""Every error of the dashboard as an RFC 9457 problem document, or as a page where a browser asked for one.

The kinds of errors are those of :mod:`farm.errors` and the few below that only HTTP has; each has a page at
`/problems/<type>`, which is where the `type` of its documents points.
"""

import uuid
from http import HTTPStatus
from typing import Any

import structlog
from flask import Flask, Response, json, make_response, render_template, request
from flask.typing import ResponseReturnValue
from pydantic import ValidationError
from sqlalchemy.exc import OperationalError, TimeoutError
from werkzeug.exceptions import HTTPException

from dashboard import openai_errors
from dashboard.request_ids import request_id
from dashboard.schemas.text_forms import RULES
from dashboard.translations.said import said, word
from dashboard.translations.stored import recognised
from dashboard.upload_spool import no_room
from farm.database import trouble
from farm.errors import (
    DatabaseBusy,
    FarmError,
    Fault,
    Forbidden,
    InvalidRequest,
    NotFound,
    TooLarge,
    Unauthorized,
    in_words,
)
from farm.file_errors import file_error, is_disk_full
from farm.problems import problem

log = structlog.get_logger(__name__)

PROBLEM_JSON = "application/problem+json"


class BadRequest(FarmError):
    """The request cannot be understood as HTTP; compare it with the description at /docs."""

    type = "bad-request"
    title = "Bad request"
    status = 400


class AddressTooLong(FarmError):
    """The address with all that is asked in it is longer than what is read; ask for less at once."""

    type = "address-too-long"
    title = "Address too long"
    status = 414


class HeadersTooLarge(FarmError):
    """The request has more or larger headers than are read; cookies of other sites at this host may be among them."""

    type = "headers-too-large"
    title = "Headers too large"
    status = 431


class UnknownHost(FarmError):
    """This farm does not answer under that host name; add the name to FARM_ALLOWED_HOSTS if it is yours."""

    type = "unknown-host"
    title = "Unknown host"
    status = 400


class MethodNotAllowed(FarmError):
    """This address exists, but not for that method; the header 'Allow' lists the methods it has."""

    type = "method-not-allowed"
    title = "Method not allowed"
    status = 405


class UnsupportedMediaType(FarmError):
    """Send the body as JSON, with the header 'Content-Type: application/json'."""

    type = "unsupported-media-type"
    title = "Unsupported media type"
    status = 415


class FormExpired(FarmError):
    """The page's security token is missing or too old; reload the page and send the form again.

    Scripts that use a key in the header 'Authorization: Bearer lf_…' need no such token.
    """

    type = "form-expired"
    title = "The form has expired"
    status = 403


class TooManyStreams(FarmError):
    """Too many live pages are open on this farm; close some, or poll the job every few seconds."""

    type = "too-many-streams"
    title = "Too many live streams"
    status = 503


class TooManyTries(FarmError):
    """Too many tries to sign in; wait, or ask an operator for a link (`farm users link NAME`)."""

    type = "too-many-tries"
    title = "Too many tries to sign in"
    status = 429

    def __init__(self, seconds: int = 1) -> None:
        super().__init__(
            "There were too many tries to sign in with this name or from this address. Try again in "
            f"{seconds:,} seconds, or ask an operator for a sign-in link."
        )
        self._seconds = seconds

    @property
    def wait_seconds(self) -> int:
        """Seconds until another try is allowed."""
        return self._seconds


class TooManyRequests(FarmError):
    """The project sends more requests in a minute than this farm lets it; wait for the seconds that are named."""

    type = "too-many-requests"
    title = "Too many requests"
    status = 429

    def __init__(self, per_minute: int = 0, seconds: int = 1) -> None:
        super().__init__(
            f"The project may send {per_minute:,} requests in a minute and has sent them; go on in {seconds} seconds."
        )
        self._seconds = seconds

    @property
    def wait_seconds(self) -> int:
        """Seconds until the next request is allowed."""
        return self._seconds


class TooManyLooks(FarmError):
    """So much was asked for from this address that it has to wait a minute."""

    type = "too-many-looks"
    title = "Too many looks at share links"
    status = 429

    def __init__(self, seconds: int = 60) -> None:
        super().__init__()
        self._seconds = seconds

    @property
    def wait_seconds(self) -> int:
        """Seconds until it is worth while to look again."""
        return self._seconds


class LinkEnded(FarmError):
    """This share link has ended; ask whoever gave it to you for a new one."""

    type = "link-ended"
    title = "The share link has ended"
    status = 410


class InternalError(FarmError):
    """Something broke on the farm's side; the log tells more under the id given in 'instance'."""

    type = "internal-error"
    title = "Internal error"
    status = 500


_OF_STATUS: dict[int, type[FarmError]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    405: MethodNotAllowed,
    413: TooLarge,
    415: UnsupportedMediaType,
}


def register(app: Flask) -> None:
    """Answer every exception of `app` as a problem."""
    app.register_error_handler(FarmError, answer)
    app.register_error_handler(HTTPException, _answer_http)
    app.register_error_handler(ValidationError, lambda error: answer(from_validation(error, "")))
    app.register_error_handler(OperationalError, _answer_busy)
    app.register_error_handler(TimeoutError, _answer_busy)
    app.register_error_handler(OSError, _answer_system_error)
    app.register_error_handler(Exception, _answer_unknown)


def from_validation(error: ValidationError, place: str) -> InvalidRequest:
    """The faults that pydantic found; `place` is put before each pointer ('/query', '' for the body)."""
    faults = []
    for found in error.errors(include_url=False):
        pointer = place + "".join(f"/{part}" for part in found["loc"])
        if found["type"] == "extra_forbidden":
            faults.append(Fault(pointer, "is not known here; remove it or correct its name"))
            continue
        message = RULES.get(str(found.get("ctx", {}).get("pattern"))) or in_words(found["msg"])
        seen = repr(found["input"])
        faults.append(Fault(pointer, f"{message}; seen {seen if len(seen) <= 80 else seen[:77] + '…'}"))
    return InvalidRequest(faults)


def answer(error: FarmError, instance: str | None = None) -> Response:
    """The response for an error: a page for a browser, a problem document for everybody else."""
    document = problem(error, instance or request.path)
    if not request.path.startswith("/api/"):  # a page, or a document that a page's own script shows
        document |= _said(error)
    if (found := request_id()) is not None:
        document["request_id"] = found
    if openai_errors.is_here(request.path):
        response = openai_errors.response(error, instance)
    elif _wants_page():
        response = make_response(render_template("problem.html", problem=document, error=error), error.status)
    else:
        response = Response(json.dumps(document), status=error.status, content_type=PROBLEM_JSON)
    if error.status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = 'Bearer realm="Latent Farm"'
    if error.status == HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = "5"  # seconds
    if error.wait_seconds is not None:
        response.headers["Retry-After"] = str(error.wait_seconds)
    return response


def _said(error: FarmError) -> dict[str, Any]:
    """What people read of an error, in the language of the request."""
    texts: dict[str, Any] = {"title": word(error.title), "detail": said(recognised(word(error.detail)))}
    if error.faults:
        texts["errors"] = [
            {"pointer": fault.field, "detail": said(recognised(fault.message))} for fault in error.faults
        ]
    return texts


def _wants_page() -> bool:
    if request.path.startswith("/api/"):
        return False
    best = request.accept_mimetypes.best_match([PROBLEM_JSON, "application/json", "text/html"])
    return best == "text/html" and "text/html" in request.headers.get("Accept", "")


def _answer_http(error: HTTPException) -> ResponseReturnValue:
    status = error.code or 500
    if status < 400:  # a redirect to the address with the right slash
        return error.get_response()
    kind = _OF_STATUS.get(status, BadRequest if status < 500 else InternalError)
    if kind is InternalError:
        return _answer_unknown(error)
    response = answer(kind())
    response.status_code = status
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        response.headers["Allow"] = ", ".join(sorted(getattr(error, "valid_methods", None) or []))
    return response


def _answer_busy(error: Exception) -> ResponseReturnValue:
    reason = trouble(error) if isinstance(error, OperationalError) else type(error).__name__
    log.warning("database busy or unreachable", path=request.path, reason=reason)
    return answer(DatabaseBusy())


def _answer_system_error(error: OSError) -> ResponseReturnValue:
    """What the web server keeps on the disk of a form may find no room: it may be sent again later."""
    if not is_disk_full(error):
        return _answer_unknown(error)
    log.warning("disk is full", path=request.path, reason=file_error(error))
    return answer(no_room())


def _answer_unknown(error: Exception) -> ResponseReturnValue:
    correlation = f"urn:uuid:{uuid.uuid4()}"
    log.error("request failed", correlation=correlation, method=request.method, path=request.path, exc_info=error)
    return answer(InternalError(), correlation)
