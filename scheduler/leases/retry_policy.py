"""What becomes of a render whose attempt failed: it is tried again in a smaller batch, or it is a dead letter.

After its first failure a render shares at most half of its batch, after the next it is alone: so whoever fails because
of a neighbour is done before it runs out of failures. One that failed `max_failures` times, or would fail again
whatever is done, is FAILED, and lies among the dead letters until somebody has it tried again
(`scheduler.control.dead_letters`).
"""

from dataclasses import dataclass

from farm.lifecycle import RenderStatus
from scheduler.batching.sealed_batches import is_initial


@dataclass(frozen=True)
class AfterFailure:
    """Where a render goes that failed: PENDING or FAILED, its `failures` in all, and what its batch is limited to."""

    status: RenderStatus
    failures: int
    batch_limit: int | None

    @property
    def is_dead_letter(self) -> bool:
        return self.status is RenderStatus.FAILED


def after_failure(
    *,
    failures: int,
    batch_limit: int | None,
    batch_size: int | None,
    max_failures: int,
    hopeless: bool = False,
) -> AfterFailure:
    """What becomes of a render that failed once more.

    `failures` and `batch_limit` are what its row says from before; `batch_size`: how many its claim took, if that is
    known. A dead letter keeps the limit that it had.
    """
    failed = failures + 1
    if hopeless or failed >= max_failures:
        return AfterFailure(RenderStatus.FAILED, failed, batch_limit)
    return AfterFailure(RenderStatus.PENDING, failed, reduced_batch_limit(batch_limit, batch_size))


def reduced_batch_limit(batch_limit: int | None, batch_size: int | None) -> int:
    """How many may render beside each other from now on: after one failure half of its batch, then it is alone."""
    return max(1, (batch_size or 1) // 2) if is_initial(batch_limit) else 1
