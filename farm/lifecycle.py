"""The states of renders, jobs and workers, and the tables of transitions that are allowed.

Claims, settling, control and the supervisor all go through these tables; nobody else writes a status.
"""

from enum import StrEnum


class RenderStatus(StrEnum):
    """Where a render is. `done`, `cancelled` and `expired` are final; `failed` ends unless a user retries."""

    HELD = "held"  # may not run yet: not_before, after, or a paused job
    PENDING = "pending"  # waits for a worker
    RUNNING = "running"  # leased to a worker
    DRAFTED = "drafted"  # stopped at a step for a choice
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class Phase(StrEnum):
    """What a running render is doing."""

    CLAIMED = "claimed"
    ENCODING = "encoding"
    STEPPING = "stepping"
    PARKED = "parked"
    FINISHING = "finishing"


class JobStatus(StrEnum):
    """Where a job is, as its counters say."""

    ADMITTING = "admitting"  # renders are still being inserted
    OPEN = "open"
    PAUSED = "paused"
    DONE = "done"  # every render is done
    PARTIAL = "partial"  # ended, some renders done and some not
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class Outcome(StrEnum):
    """How an attempt ended."""

    DONE = "done"
    FAILED = "failed"  # its own pass raised or killed the process: counts as a failure of the render
    LOST = "lost"  # the lease ran out
    RETURNED = "returned"  # drain, preemption, a neighbour's fault: nobody is blamed
    CANCELLED = "cancelled"
    DRAFTED = "drafted"  # it came to the step at which its render was to stop for a choice


class ScoreStatus(StrEnum):
    """Where a score is that somebody asked for."""

    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"  # there is no figure; the reason says why


class WorkerStatus(StrEnum):
    """What a worker is doing, as its heartbeat says."""

    STARTING = "starting"
    IDLE = "idle"
    RENDERING = "rendering"
    DRAINING = "draining"
    GONE = "gone"


_R = RenderStatus
#: The one table: from each state, the states a render may go to.
TRANSITIONS: dict[RenderStatus, frozenset[RenderStatus]] = {
    _R.HELD: frozenset({_R.PENDING, _R.CANCELLED, _R.EXPIRED}),
    _R.PENDING: frozenset({_R.RUNNING, _R.HELD, _R.CANCELLED, _R.EXPIRED}),
    _R.RUNNING: frozenset({_R.PENDING, _R.DRAFTED, _R.DONE, _R.FAILED, _R.CANCELLED, _R.EXPIRED}),
    _R.DRAFTED: frozenset({_R.PENDING, _R.CANCELLED, _R.EXPIRED}),
    _R.DONE: frozenset(),
    _R.FAILED: frozenset({_R.PENDING}),
    _R.CANCELLED: frozenset(),
    _R.EXPIRED: frozenset(),
}
#: A render in one of these has come to its end; the job's counters say how many.
ENDED = frozenset({_R.DONE, _R.FAILED, _R.CANCELLED, _R.EXPIRED})
#: What has not ended can be cancelled, or expire.
CANCELLABLE = frozenset(state for state, targets in TRANSITIONS.items() if _R.CANCELLED in targets)


class NotAllowed(AssertionError):
    """A render or a job was about to take a way that its table does not have: a defect of the farm."""


def check_transition(before: RenderStatus, after: RenderStatus) -> None:
    """Raise NotAllowed unless the table has this way."""
    if after not in TRANSITIONS[before]:
        raise NotAllowed(f"A render cannot go from {before} to {after}.")


#: Jobs in one of these have come to their end, until a render of theirs is retried.
JOB_ENDED = frozenset({JobStatus.DONE, JobStatus.PARTIAL, JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.EXPIRED})

_J = JobStatus
#: From each state, the states a job may go to.
JOB_TRANSITIONS: dict[JobStatus, frozenset[JobStatus]] = {
    _J.ADMITTING: frozenset({_J.OPEN, _J.PAUSED}) | JOB_ENDED,
    # A stream that somebody paused and resumed goes on to be admitted, also after its renders have come to their end.
    _J.OPEN: frozenset({_J.PAUSED, _J.ADMITTING}) | JOB_ENDED,
    _J.PAUSED: frozenset({_J.OPEN, _J.ADMITTING}) | JOB_ENDED,
    # A retry opens it again; counters that were wrong may tell of another end when they are put right.
    **{end: frozenset({_J.OPEN}) | JOB_ENDED - {end} for end in JOB_ENDED},
    **{end: frozenset({_J.OPEN, _J.ADMITTING}) | JOB_ENDED - {end} for end in (_J.DONE, _J.PARTIAL, _J.FAILED)},
}


def check_job_transition(before: JobStatus, after: JobStatus) -> None:
    """Raise NotAllowed unless the table of jobs has this way."""
    if after not in JOB_TRANSITIONS[before]:
        raise NotAllowed(f"A job cannot go from {before} to {after}.")


def job_status(before: JobStatus, *, total: int, done: int, failed: int, cancelled: int, expired: int) -> JobStatus:
    """What a job is, from what it was and from how many of its `total` renders have ended in each way.

    A job that is still being admitted stays so, whatever its counters say. One whose render goes back to
    work is open again.
    """
    if before is JobStatus.ADMITTING or total == 0:
        return before
    if done + failed + cancelled + expired < total:
        return JobStatus.OPEN if before in JOB_ENDED else before
    if done:
        return JobStatus.DONE if done == total else JobStatus.PARTIAL
    if failed:
        return JobStatus.FAILED
    return JobStatus.CANCELLED if cancelled else JobStatus.EXPIRED
