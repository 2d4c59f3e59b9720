"""The simulator's own ledger, beside the tables in SQL: each submitted render ends exactly once, or the run is
refused.
"""

from array import array
from collections import defaultdict
from dataclasses import dataclass, field

from scheduler.simulate.traces.trace import CLASS_NAMES, Arrival

#: What one class waited: seconds from the submission to the start of the attempt that ended, and to its end.
Waits = dict[str, "array[float]"]


class LostOrDoubled(AssertionError):
    """A render was lost, or ended more than once: the scheduler broke its first promise."""


@dataclass
class JobLedger:
    """One job: what it is, and how often each of its renders ended."""

    arrival: Arrival
    seconds_alone: float  # of one render alone on its device
    ends: bytearray


@dataclass
class Ledger:
    """Everything that is counted of renders while the farm runs."""

    jobs: dict[str, JobLedger] = field(default_factory=dict)
    submitted: int = 0
    done: int = 0
    failed: int = 0
    doubled: int = 0
    started_after: Waits = field(default_factory=lambda: {name: array("f") for name in CLASS_NAMES})
    done_after: Waits = field(default_factory=lambda: {name: array("f") for name in CLASS_NAMES})
    #: GPU-seconds that each project used, failed attempts too.
    used: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))

    def admit(self, job_id: str, book: JobLedger) -> None:
        """A job was accepted."""
        self.jobs[job_id] = book
        self.submitted += len(book.ends)

    def end(self, job_id: str, index: int, *, started_at: float, now: float, failed: bool) -> None:
        """A settlement of a final outcome was accepted; times since the beginning of the trace."""
        book = self.jobs[job_id]
        if book.ends[index]:
            self.doubled += 1
            raise LostOrDoubled(f"Render {index} of job {job_id} ended twice.")
        book.ends[index] = 1
        if failed:
            self.failed += 1
            return
        self.done += 1
        arrival = book.arrival
        self.started_after[arrival.class_name].append(started_at - arrival.at)
        self.done_after[arrival.class_name].append(now - arrival.at)

    @property
    def open(self) -> int:
        """Renders that were submitted and have not ended."""
        return self.submitted - self.done - self.failed

    def check(self, ends: dict[str, tuple[str, int, int]], left: int) -> None:
        """Compare with SQL at the end: `ends` by job (status, done, failed), `left` unfinished rows.

        Raises:
            LostOrDoubled: this ledger and SQL do not say the same.
        """
        never = sum(book.ends.count(0) for book in self.jobs.values())
        if never or left or self.open:
            raise LostOrDoubled(f"{never} renders never ended; {left} rows are unfinished; {self.open} are open.")
        if ends.keys() != self.jobs.keys():
            raise LostOrDoubled(f"{len(self.jobs)} jobs were submitted, SQL has {len(ends)}.")
        for job_id, (status, done, failed) in ends.items():
            if done + failed != len(self.jobs[job_id].ends) or status not in ("done", "partial", "failed"):
                told = f"{done} done and {failed} failed of {len(self.jobs[job_id].ends)} renders"
                raise LostOrDoubled(f"Job {job_id} is {status} in SQL with {told}.")
        if sum(done for _, done, _ in ends.values()) != self.done:
            raise LostOrDoubled(f"{self.done} renders were settled as done; SQL counts others.")
