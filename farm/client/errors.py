"""What the client raises. Each one's text says what was wrong and what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from farm.errors import FarmError, Fault

#: The members of every problem document (RFC 9457), and our list of faults.
_STANDARD = frozenset({"type", "title", "status", "detail", "instance", "errors"})


class FarmProblem(FarmError):
    """The farm refused the request."""

    # These are the answer's, not the class's: a farm may know kinds of problems that this client does not.
    type: str = "farm-problem"  # type: ignore[misc]
    title: str = "Refused by the farm"  # type: ignore[misc]
    status: int = 400  # type: ignore[misc]

    def __init__(
        self,
        detail: str,
        *,
        type: str = "about:blank",
        title: str = "Refused by the farm",
        status: int = 400,
        errors: Sequence[Fault] = (),
        retry_after: float | None = None,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail, errors)
        self.type = type.rsplit("/", 1)[-1]
        self.title = title
        self.status = status
        #: Seconds that the farm asks to wait before the next try.
        self.retry_after = retry_after
        self._members = dict(members or {})

    @property
    def members(self) -> dict[str, Any]:
        """What the problem says besides: of a quota its `limit`, what is `used`, when it frees."""
        return self._members

    @property
    def told(self) -> dict[str, Any]:
        """`members`, as versions before 0.4 called it."""
        return self.members

    @property
    def errors(self) -> tuple[Fault, ...]:
        """Each fault of the request: `field` is a JSON pointer ('/width'), `message` says what to do."""
        return self.faults

    @classmethod
    def from_document(cls, document: Any, status: int, retry_after: float | None = None) -> FarmProblem:
        """Read an RFC 9457 problem document; what it lacks, or says in another shape, is left out."""
        told = document if isinstance(document, dict) else {}
        listed = told.get("errors")
        faults = [
            Fault(str(fault.get("pointer", "")), str(fault.get("detail", "")))
            for fault in (listed if isinstance(listed, list) else [])
            if isinstance(fault, dict)
        ]
        title = str(told.get("title") or f"HTTP {status}")
        return cls(
            str(told.get("detail") or f"The farm answered with HTTP status {status} and gave no reason."),
            type=str(told.get("type") or "about:blank"),
            title=title,
            status=status,
            errors=faults,
            retry_after=retry_after,
            members={name: value for name, value in told.items() if name not in _STANDARD},
        )

    def __str__(self) -> str:
        return f"{self.title}: {super().__str__()}"


class NoAddress(FarmError):
    """No farm to talk to: start one here with `farm up`, or set FARM_URL and FARM_KEY to reach another."""

    type = "no-address"
    title = "No farm to talk to"


class AmbiguousId(FarmError):
    """Several things have an id that begins or ends like this; give more of it."""

    type = "ambiguous-id"
    title = "Ambiguous id"
    status = 409


class FarmUnreachable(FarmError):
    """The farm does not answer; check that it runs and that FARM_URL is right."""

    type = "farm-unreachable"
    title = "Farm unreachable"
    status = 503
    exit_code = 3


class WaitTimeout(FarmError):
    """The job did not end in the time given; it goes on, wait for it again or cancel it."""

    type = "wait-timeout"
    title = "Still running"
    status = 504
    exit_code = 1


class NotRendered(FarmError):
    """There is no picture: the render did not come out, and its job says why."""

    type = "no-picture"
    title = "No picture"
    status = 409
    exit_code = 1


class DownloadIncomplete(FarmError):
    """Some files could not be fetched; run the download again, what is there already is kept."""

    type = "download-incomplete"
    title = "Download incomplete"
    exit_code = 1
