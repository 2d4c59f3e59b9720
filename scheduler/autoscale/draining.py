"""Which workers to lose first. Pure functions."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

#: A worker that thinks to be done within so many seconds may be asked to end after it.
NEARLY_DONE = 30.0


@dataclass(frozen=True)
class WorkerLoad:
    """One worker of a pool that was not asked to end yet."""

    id: str
    leased: int = 0  # renders whose lease it has
    busy_until: float | None = None  # when it thinks that these are finished
    started_at: float = 0.0
    ready: bool = True  # False: it loads its model
    clip: bool = False  # what it renders has more than one frame
    host: str = ""
    heartbeat_at: float = math.inf
    silent: bool = False  # some beats did not come: it is dead, as far as anybody can tell


def choose_to_drain(workers: Sequence[WorkerLoad], count: int, now: float, *, must: bool = False) -> list[str]:
    """The ids of at most `count` workers to be asked to end, the cheapest to lose first.

    First those who have fallen silent, whom nobody misses; then those that are not ready yet, the youngest first; then
    the idle, the youngest first, whose caches are the emptiest; then those who are nearly done, by what is left. Who
    is in the middle of something goes on, for it would end no sooner by being asked: he is chosen when he is nearly
    done, or now with `must` (he still finishes what he holds), pictures before clips.
    """
    ranked = sorted((_rank(worker, now), worker.id) for worker in workers)
    return [name for rank, name in ranked if must or rank[0] < _IN_THE_MIDDLE][: max(0, count)]


def may_be_asked(worker: WorkerLoad, workers: Sequence[WorkerLoad]) -> bool:
    """Whether all others of its host have beaten since it signed on. Else it may stand in the place of a dead one."""
    others = (other for other in workers if other.id != worker.id and other.host == worker.host)
    return all(other.heartbeat_at >= worker.started_at for other in others)


_SILENT, _STARTING, _IDLE, _NEARLY_DONE, _IN_THE_MIDDLE, _CLIP = range(6)


def _rank(worker: WorkerLoad, now: float) -> tuple[int, float]:
    if worker.silent:
        return _SILENT, worker.heartbeat_at
    if not worker.ready:
        return _STARTING, -worker.started_at
    if not worker.leased:
        return _IDLE, -worker.started_at
    left = math.inf if worker.busy_until is None else worker.busy_until - now
    if left <= NEARLY_DONE:
        return _NEARLY_DONE, left
    return (_CLIP if worker.clip else _IN_THE_MIDDLE), left
