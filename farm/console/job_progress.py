"""Jobs as they go on: progress bars on a terminal, a line now and then elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Protocol, Self

import typer
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from farm.client import FarmClient, Job, JobProgress
from farm.clock import Clock, steady_clock
from farm.console.long_waits import LongWaits
from farm.console.session import ExitCode, clean, err, say

_MOST_RENDERS = 8  # bars of single renders under a job
_LINE_SECONDS = 2.0  # between two lines about a job that goes on


class Watcher(Protocol):
    """Shows the news of jobs; used in a `with` statement."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def show(self, progress: JobProgress) -> None: ...


def watch(farm: FarmClient, jobs: Sequence[Job], watcher: Watcher | None = None) -> list[Job]:
    """Wait for the jobs and show how they go on, and why they wait if they do for long.

    Ctrl-C leaves them running, says so, and exits with 130.
    """
    waits = LongWaits(farm)
    try:
        with watcher or watcher_for_here() as shown:

            def on_progress(progress: JobProgress) -> None:
                shown.show(progress)
                waits.look(progress)

            return farm.wait_all([job.id for job in jobs], on_progress)
    except KeyboardInterrupt:
        ids = " ".join(job.id for job in jobs)
        say(f"\nStopped watching; {'the job goes' if len(jobs) == 1 else 'the jobs go'} on in the farm.")
        say(f"Watch again: farm job {jobs[0].id} --follow\nCancel: farm cancel {ids}")
        raise typer.Exit(ExitCode.INTERRUPTED) from None


def watcher_for_here() -> Watcher:
    """Bars when stderr is a terminal, else lines."""
    return Bars() if err().is_terminal else Lines()


def exit_code_after(jobs: Sequence[Job]) -> ExitCode:
    """OK when every job is done; whatever else a job ended as is said to people as FAILED."""
    return ExitCode.OK if all(job.status == "done" for job in jobs) else ExitCode.FAILED


class Lines:
    """A line when a job's status changes or it ends, and at most every two seconds when renders end."""

    def __init__(self, clock: Clock = steady_clock) -> None:
        self._clock = clock
        self._shown: dict[str, tuple[str, int]] = {}
        self._at: dict[str, float] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def show(self, progress: JobProgress) -> None:
        job, now = progress.job, self._clock()
        news = (job.status, job.ended_renders)
        before = self._shown.get(job.id)
        if before == news:
            return
        same_status = before is not None and before[0] == job.status
        if same_status and now - self._at[job.id] < _LINE_SECONDS:
            return
        self._shown[job.id], self._at[job.id] = news, now
        say(f"job {job.id} {job.model}: {counts(job)}")


class Bars:
    """A bar for each job, and one for each of its running renders."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[words]}", markup=False),
            TimeElapsedColumn(),
            console=err(),
            refresh_per_second=5,
        )
        self._jobs: dict[str, TaskID] = {}
        self._renders: dict[str, TaskID] = {}  # of all jobs
        self._job_of: dict[str, str] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for render_id in list(self._renders):
            self._drop(render_id)
        self._progress.stop()

    def show(self, progress: JobProgress) -> None:
        job = progress.job
        if job.id not in self._jobs:
            self._jobs[job.id] = self._progress.add_task(_name(job), total=max(1, job.total), words="")
        self._progress.update(self._jobs[job.id], completed=job.ended_renders, words=counts(job))
        steps = {} if job.ended else {step.render_id: step for step in progress.running[-_MOST_RENDERS:]}
        for render_id in [one for one, owner in self._job_of.items() if owner == job.id and one not in steps]:
            self._drop(render_id)
        for render_id, step in steps.items():
            if render_id not in self._renders:
                name = f"  render {clean(render_id[-8:])}"
                self._renders[render_id] = self._progress.add_task(name, words="")
                self._job_of[render_id] = job.id
            words = clean(f"{step.phase} {step.step}/{step.steps}")
            self._progress.update(self._renders[render_id], completed=step.step, total=max(1, step.steps), words=words)

    def _drop(self, render_id: str) -> None:
        self._progress.remove_task(self._renders.pop(render_id))
        del self._job_of[render_id]


def counts(job: Job) -> str:
    """'3 of 8 done, 1 failed' and the status where that does not say it all."""
    words = [f"{job.done} of {job.total} done"]
    for name in ("failed", "cancelled", "expired", "running"):
        count = getattr(job, name)
        if count:
            words.append(f"{count} {name}")
    said = job.status in ("open", "done") or getattr(job, job.status, 0) > 0
    return clean(", ".join(words) + ("" if said else f" ({job.status})"))


def _name(job: Job) -> str:
    title = job.title or job.id
    return clean(f"{job.model}: {title if len(title) <= 32 else title[:31] + '…'}")
