"""One tree of errors. Each has a problem type, a title, an HTTP status; its docstring is its default message.

The command line prints them without a traceback; the API answers them as RFC 9457 problem documents.
"""

import inspect
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

#: A list of ten thousand wrong prompts need not be answered one by one.
MAX_FAULTS = 100
#: pydantic names its own class where the body of a request, or a part of it, has to be an object.
_OBJECT = re.compile(r"Input should be a valid dictionary or (?:instance of|object to extract fields from).*")
#: … and what has to have a length, of which it says the one seen in some kinds and not in others.
_LENGTH = re.compile(r"(?:String|List|Dictionary) should have (at (?:least|most) .*?)(?: after validation, not \w+)?")
_PATTERN = re.compile(r"String should match pattern ('.*')", re.DOTALL)


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong: where, and the rule, the value seen and what to do.

    `field` is a JSON pointer into a request ('/width'; '' is the whole body), or the name of a setting with
    its file or variable.
    """

    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


def in_words(message: str) -> str:
    """A message of pydantic as people read it: without the kind of error that it puts in front."""
    for kind in ("Value error, ", "Assertion failed, "):
        message = message.removeprefix(kind)
    for form, rule in ((_LENGTH, "must have"), (_PATTERN, "must match the pattern")):
        if found := form.fullmatch(message):
            return f"{rule} {found[1]}"
    message = _OBJECT.sub("must be an object", message).replace("Field required", "is required")
    return message.replace("Input should be", "must be")


class FarmError(Exception):
    """Something went wrong in the farm; its logs say more."""

    type: ClassVar[str] = "farm-error"
    title: ClassVar[str] = "The farm could not do this"
    status: ClassVar[int] = 500
    #: What a command ends with that meets it: 2 is for what was refused (farm/console/error_output.py has them all).
    exit_code: ClassVar[int] = 2

    def __init__(self, detail: str | None = None, faults: Sequence[Fault] = ()) -> None:
        self.detail = detail or " ".join(inspect.cleandoc(type(self).__doc__ or "").split())
        self.faults = tuple(faults)
        super().__init__(self.detail)

    def __str__(self) -> str:
        return "\n".join([self.detail, *(f"  {fault}" for fault in self.faults)])

    @property
    def members(self) -> dict[str, Any]:
        """What its problem document says besides the standard members, as JSON values."""
        return {}

    @property
    def wait_seconds(self) -> int | None:
        """In how many seconds it is worth while to ask again; None: nobody knows, or it never is."""
        return None


class _Faulty(FarmError):
    """Several things are wrong; all of them are listed."""

    def __init__(self, faults: Sequence[Fault], detail: str | None = None) -> None:
        shown = list(faults[:MAX_FAULTS])
        if len(faults) > MAX_FAULTS:
            shown.append(Fault("", f"and {len(faults) - MAX_FAULTS:,} more faults of this kind"))
        super().__init__(detail, shown)


class SettingsError(_Faulty):
    """The settings are not right; correct what is listed and start again."""

    type = "settings"
    title = "Wrong settings"


class CatalogError(_Faulty):
    """The model catalog is not right; correct what is listed and start again."""

    type = "catalog"
    title = "Wrong model catalog"


class WrongUsage(FarmError):
    """The command was typed wrongly; `--help` says what it takes."""

    type = "wrong-usage"
    title = "Wrong usage of the command"
    status = 400


class CommandNotInstalled(FarmError):
    """A command whose own needs are not installed, as on a control node without the worker's extra."""

    type = "not-installed"
    title = "This is not installed here"


class UnusableFile(FarmError):
    """A file of this machine cannot be used; look at its path and its rights."""

    type = "unusable-file"
    title = "A file cannot be used"


class UnusableDatabase(FarmError):
    """The database cannot be used; `farm doctor database` says why."""

    type = "unusable-database"
    title = "The database cannot be used"
    status = 503


class InvalidRequest(_Faulty):
    """The request was refused; each fault names the field, the rule and the value that was seen."""

    type = "invalid-request"
    title = "Invalid request"
    status = 422


class BadJson(InvalidRequest):
    """The body of the request is not JSON as this farm reads it."""

    type = "bad-json"
    title = "Unreadable body"
    status = 400


class UnknownModel(InvalidRequest):
    """The catalog has no model of this name."""

    type = "unknown-model"
    title = "Unknown model"


class UnknownFamily(FarmError):
    """No installed package knows this family of models; install the plugin that brings it."""

    type = "unknown-family"
    title = "Unknown family of models"


class IdempotencyMismatch(FarmError):
    """This Idempotency-Key was used before with another request; send a new key for a new request."""

    type = "idempotency-mismatch"
    title = "Idempotency key used for another request"
    status = 422


class NotFound(FarmError):
    """Nothing of this name or id is visible to you."""

    type = "not-found"
    title = "Not found"
    status = 404


class UnknownPool(NotFound):
    """The catalog has no pool of this name."""

    type = "unknown-pool"
    title = "Unknown pool"


class Conflict(FarmError):
    """The state of the thing does not allow this; read it again, it may have changed meanwhile."""

    type = "conflict"
    title = "Not possible in this state"
    status = 409


class Changed(FarmError):
    """What you want to change is not any more as the header 'If-Match' says; read it again, then decide."""

    type = "changed"
    title = "Changed meanwhile"
    status = 412


class Unauthorized(FarmError):
    """Sign in, or send a valid key in the header 'Authorization: Bearer lf_…'."""

    type = "unauthorized"
    title = "Not signed in"
    status = 401


class Forbidden(FarmError):
    """Your role or your project does not allow this."""

    type = "forbidden"
    title = "Not allowed"
    status = 403


class TooLarge(FarmError):
    """The request body is larger than this farm accepts; split it into several jobs."""

    type = "too-large"
    title = "Request too large"
    status = 413


class BrokerDown(FarmError):
    """The broker (Redis or Valkey) cannot be reached. Work goes on through SQL, but slower."""

    type = "broker-down"
    title = "Broker unreachable"
    status = 503


class StorageDown(FarmError):
    """The object storage cannot be reached or refused; try again later."""

    type = "storage-down"
    title = "Object storage unreachable"
    status = 503


class StorageRefused(StorageDown):
    """The object storage answered with an error of its own; its code says which.

    `code` is the server's: 'AccessDenied', 'NoSuchBucket', 'QuotaExceeded', …, or its HTTP status.
    """

    type = "storage-refused"
    title = "Object storage refused"

    def __init__(self, detail: str | None = None, code: str = "unknown") -> None:
        super().__init__(detail)
        self.code = code


class DatabaseBusy(FarmError):
    """The database is busy or unreachable; try again in a moment."""

    type = "database-busy"
    title = "Database busy"
    status = 503


class Busy(FarmError):
    """Too much of this kind is being worked on at the moment; try again in a few seconds."""

    type = "busy"
    title = "Too busy"
    status = 503


class InUse(FarmError):
    """The data folder is in use by another farm; stop that one first, or name another folder."""

    type = "in-use"
    title = "Data folder in use"
    status = 409
