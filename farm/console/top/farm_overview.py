"""What `farm top` shows of a farm at one moment: read over the API, as rows of text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from farm.client import FarmClient, Job, Pool, StepProgress, Worker
from farm.console.durations import ago
from farm.console.tables import POOL_HEADINGS, WORKER_HEADINGS, pool_row, worker_row
from farm.lifecycle import JobStatus

QUEUE_HEADINGS = ("job", "status", "model", "class", "progress", "running", "waiting", "step", "age", "title")
HEADINGS = {"pools": POOL_HEADINGS, "workers": WORKER_HEADINGS, "queue": QUEUE_HEADINGS}
_UNDER_WAY = (JobStatus.OPEN, JobStatus.ADMITTING, JobStatus.PAUSED)
_MOST_JOBS = 50  # of each state
_BAR = 12  # characters


@dataclass(frozen=True)
class Overview:
    """A farm at one moment; `now` is its own time, seconds since 1970."""

    pools: list[Pool]
    workers: list[Worker]
    jobs: list[Job]
    now: float

    def rows(self, steps: Mapping[str, StepProgress]) -> dict[str, list[list[str]]]:
        """The rows of each table under HEADINGS; `steps` is the newest word of a render of each job."""
        return {
            "pools": [pool_row(pool) for pool in self.pools],
            "workers": [worker_row(worker, self.now) for worker in self.workers],
            "queue": [_job_row(job, steps.get(job.id), self.now) for job in self.jobs],
        }

    def summary(self) -> str:
        """One line: how much is under way, and who is there for it."""
        ready = sum(worker.status in ("idle", "rendering") and not worker.quarantined for worker in self.workers)
        waiting, running = sum(job.pending for job in self.jobs), sum(job.running for job in self.jobs)
        return f"{running:,} renders run and {waiting:,} wait in {len(self.jobs):,} jobs; {ready:,} workers are ready"


def read_overview(farm: FarmClient) -> Overview:
    """Ask the farm. Raises FarmError."""
    jobs = [job for status in _UNDER_WAY for job in farm.jobs(status=status, limit=_MOST_JOBS)]
    newest_first = sorted(jobs, key=lambda job: job.id, reverse=True)
    return Overview(farm.pools(), farm.workers(), newest_first, farm.time())


def _job_row(job: Job, step: StepProgress | None, now: float) -> list[str]:
    full = _BAR * job.ended_renders // max(1, job.total)
    return [
        job.id,
        job.status,
        job.model,
        job.class_name,
        f"{'█' * full}{'░' * (_BAR - full)} {job.ended_renders}/{job.total}",
        str(job.running),
        str(job.pending),
        f"{step.phase} {step.step}/{step.steps}" if step and job.running else "",
        ago(job.created_at, now),
        job.title,
    ]
