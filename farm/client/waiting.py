"""Waiting for jobs: what is known of them from the live stream, checked against the farm's own word."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import closing

from farm.client.errors import FarmUnreachable, WaitTimeout
from farm.client.live import Beat, LiveEvent, NewPreview, StepProgress
from farm.client.replies import Job
from farm.clock import Clock


class JobProgress:
    """A job as it goes on: its counts, and the step that each running render is at."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self._steps: dict[str, StepProgress] = {}

    @property
    def running(self) -> list[StepProgress]:
        """The newest word of each running render, the one that spoke last at the end."""
        return list(self._steps.values())

    def note(self, step: StepProgress) -> None:
        self._steps.pop(step.render_id, None)
        self._steps[step.render_id] = step

    def renew(self, job: Job) -> None:
        """Take the farm's counts. Of the renders that spoke, as many are kept as it says are running."""
        self.job = job
        ended = len(self._steps) - job.running
        for render_id in list(self._steps)[: max(0, ended)]:
            del self._steps[render_id]


def wait_for_jobs(
    job_ids: Sequence[str],
    read_job: Callable[[str], Job],
    events: Generator[LiveEvent, None, None],
    *,
    on_progress: Callable[[JobProgress], None] | None,
    deadline: float | None,
    clock: Clock,
) -> list[Job]:
    """The jobs, in their order, once all have ended. Events only say when to look; what counts is `read_job`.

    Raises WaitTimeout once `clock` has passed `deadline`; that is seen when the stream says something, be it
    a beat.
    """
    seen: dict[str, JobProgress] = {}
    open_ids = list(dict.fromkeys(job_ids))
    with closing(events):
        while open_ids:
            event = next(events)
            for job_id in [job_id for job_id in open_ids if _concerns(event, job_id)]:
                if isinstance(event, StepProgress) and job_id in seen:
                    seen[job_id].note(event)
                else:
                    try:
                        job = read_job(job_id)
                    except FarmUnreachable:
                        continue  # the stream knows how long to be patient, and beats when the farm is back
                    seen.setdefault(job_id, JobProgress(job)).renew(job)
                    if job.ended:
                        open_ids.remove(job_id)
                if on_progress is not None:
                    on_progress(seen[job_id])
            if open_ids and deadline is not None and clock() >= deadline:
                raise WaitTimeout(f"Not ended in time: {', '.join(open_ids)}. It goes on: wait again, or cancel it.")
    return [seen[job_id].job for job_id in job_ids]


def _concerns(event: LiveEvent, job_id: str) -> bool:
    """Whether a job may have changed; a preview changes nothing."""
    return isinstance(event, Beat) or (event.job_id == job_id and not isinstance(event, NewPreview))
