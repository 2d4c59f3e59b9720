"""When a job may run and until when it is wanted: times as seconds from now, or as ISO 8601 with a zone."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from farm.errors import Fault
from farm.params.request.job_request import JobRequest
from farm.params.request.submission import pointer, shown

#: Ten years: longer is a slip of the hand, such as milliseconds for seconds.
FURTHEST_SECONDS = 10 * 366 * 86_400.0
MOST_JOBS = 100  # that one job waits for


@dataclass(frozen=True)
class Timing:
    """A job's times in seconds since 1970; None: none."""

    not_before: float | None
    deadline: float | None


def timing_of(request: JobRequest, now: float) -> Timing:
    """The times that a request asks for; a `not_before` that has come is none. For requests without faults."""
    not_before = None if request.not_before is None else _seconds(request.not_before, now)
    deadline = None if request.deadline is None else _seconds(request.deadline, now)
    return Timing(not_before if not_before is not None and not_before > now else None, deadline)


def timing_faults(request: JobRequest, now: float) -> list[Fault]:
    """What is wrong with `not_before`, `deadline`, `after` and `after_failure`, as far as the request shows it."""
    faults: list[Fault] = []
    not_before = _look("not_before", request.not_before, now, faults)
    deadline = _look("deadline", request.deadline, now, faults)
    if deadline is not None and deadline <= now:
        text = "the time is over, and nothing would be rendered; give a time that is still to come"
        faults.append(Fault(pointer("deadline"), f"{text}; seen {shown(request.deadline)}"))
    elif deadline is not None and not_before is not None and deadline <= not_before:
        faults.append(Fault(pointer("deadline"), "must be later than not_before, or nothing can be rendered"))
    return faults + _after_faults(request)


def _after_faults(request: JobRequest) -> list[Fault]:
    faults = []
    after = request.after or []
    if len(after) > MOST_JOBS:
        faults.append(Fault(pointer("after"), f"a job waits for at most {MOST_JOBS} jobs; seen {len(after):,}"))
        return faults
    for place, job_id in enumerate(after):
        if not _is_id(job_id):
            faults.append(Fault(pointer("after", place), f"must be the id of a job; seen {shown(job_id)}"))
        elif job_id.lower() in (earlier.lower() for earlier in after[:place]):
            faults.append(Fault(pointer("after", place), f"is given twice; leave one out; seen {shown(job_id)}"))
    if request.after_failure is not None and not after:
        faults.append(Fault(pointer("after_failure"), "says what follows when a job of 'after' fails; give that too"))
    return faults


def _look(field: str, given: float | str | None, now: float, faults: list[Fault]) -> float | None:
    if given is None:
        return None
    try:
        seconds = _seconds(given, now)
    except ValueError as error:
        faults.append(Fault(pointer(field), f"{error}; seen {shown(given)}"))
        return None
    if seconds > now + FURTHEST_SECONDS:
        faults.append(Fault(pointer(field), f"must be within ten years; seen {shown(given)}"))
        return None
    return seconds


def _seconds(given: float | str, now: float) -> float:
    """Seconds since 1970. Raises ValueError with the rule."""
    if not isinstance(given, str):
        if given < 0:
            raise ValueError("must be 0 or more seconds from now")
        return now + given
    wanted = "must be a number of seconds from now, or a time such as '2030-01-31T18:00:00+01:00' with its zone"
    try:
        found = datetime.fromisoformat(given)
        if found.tzinfo is None:
            raise ValueError(wanted)
        return found.timestamp()
    except (ValueError, OverflowError) as error:
        raise ValueError(wanted) from error


def _is_id(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False
