"""Work done for several tracks at once, so guarded that what one of them breaks costs the others nothing.

Out of memory: the batch is split in halves. Any other error: each track is tried alone, and only the guilty
fail. The work must leave the tracks unchanged until it returns (a transformer pass and a VAE decode do).
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import torch

from workers.denoising.out_of_memory import free_memory, is_out_of_memory
from workers.denoising.track import Track

Made = TypeVar("Made")
#: From several tracks to one result for each, in their order.
Work = Callable[[Sequence[Track]], list[Made]]


class DeviceLost(RuntimeError):
    """The device reported an error after which it can do no more work in this process."""


class StateInDoubt(RuntimeError):
    """What this process carries from pass to pass is not what it should be, and cannot be put right: it has to end."""


@dataclass(frozen=True)
class Outcome(Generic[Made]):
    """What became of one track: `made`, or the error that it raised when it was alone.

    `batch` are the tracks of the call that succeeded, itself included, and `seconds` its share of that
    call. `short_of_memory` says that a larger batch was tried and did not fit.
    """

    track: Track
    made: Made | None
    error: Exception | None
    batch: Sequence[Track]
    row: int
    seconds: float
    short_of_memory: bool = False


def isolate_faults(work: Work[Made], tracks: Sequence[Track], device: torch.device) -> list[Outcome[Made]]:
    """Do the work for all tracks together where that is possible. Raises DeviceLost, StateInDoubt."""
    started = time.perf_counter()
    error: Exception | None = None
    try:
        made = work(tracks)
        synchronize(device)
        if len(made) != len(tracks):
            raise RuntimeError(f"the family gave {len(made)} results for {len(tracks)} tracks")
    except StateInDoubt:
        raise
    except Exception as raised:
        if is_device_lost(raised):
            raise DeviceLost(f"{type(raised).__name__}: {raised}") from raised
        # Without its traceback, whose frames would keep the tensors of the failed pass in memory.
        error = raised.with_traceback(None)
    seconds = (time.perf_counter() - started) / len(tracks)
    if error is None:
        return [
            Outcome(track, result, None, tracks, row, seconds)
            for row, (track, result) in enumerate(zip(tracks, made, strict=True))
        ]
    short_of_memory = is_out_of_memory(error)
    if short_of_memory:
        free_memory(device)
    if len(tracks) == 1:
        return [Outcome(tracks[0], None, error, tracks, 0, seconds)]
    size = (len(tracks) + 1) // 2 if short_of_memory else 1
    parts = [tracks[begin : begin + size] for begin in range(0, len(tracks), size)]
    outcomes = [outcome for part in parts for outcome in isolate_faults(work, part, device)]
    return [replace(outcome, short_of_memory=True) for outcome in outcomes] if short_of_memory else outcomes


def is_device_lost(error: BaseException) -> bool:
    """Whether the device is unusable from here on (an illegal access, a fallen-off GPU), not merely full."""
    return isinstance(error, torch.AcceleratorError) and not is_out_of_memory(error)


def synchronize(device: torch.device) -> None:
    """Wait until the device has done what this thread asked of it, so that times and errors fall on the right one."""
    if device.type == "cuda":
        torch.cuda.current_stream(device).synchronize()
