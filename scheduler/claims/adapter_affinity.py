"""Work whose adapters a worker has loaded goes first, for a while: loading one takes as long as many passes.

A claim whose head wants adapters that are not loaded may take renders of a batch key that the worker has just rendered
instead: of the same flow, or of flows of the same class within the lag bound of `scheduler.fair_share.fair_queueing`,
each charged for its own. Once a worker has passed by heads for MAX_QUEUE_DELAY seconds, the next head is taken whatever
it wants; and nobody is passed by for batches that are estimated to take longer than that, beside which a loading is
nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scheduler.claims.claim_transaction import Claim

#: Seconds for which a worker may pass by heads whose adapters it would have to load, at the most.
MAX_QUEUE_DELAY = 10.0


@dataclass(frozen=True)
class Loaded:
    """What a worker has at hand: adapters by sha256, and the batch keys that it rendered with them, the last first."""

    adapters: frozenset[str]
    batch_keys: tuple[str, ...]

    def has_all(self, parameters: Mapping[str, Any]) -> bool:
        """Whether nothing has to be loaded for a render with these parameters."""
        return wanted(parameters) <= self.adapters


def wanted(parameters: Mapping[str, Any]) -> frozenset[str]:
    """The sha256 of each adapter of a render."""
    return frozenset(adapter["sha256"] for adapter in parameters.get("loras") or ())


@dataclass(frozen=True)
class _Used:
    """A batch that was claimed: its key, its adapters, and how long all of it was estimated to take."""

    batch_key: str
    adapters: frozenset[str]
    seconds: float  # of the device


class LoadedAdapters:
    """What one worker has loaded, told from what it was given: an engine keeps the `most` that it used last.

    One thread uses it, but any may call `forget`. It is a guess where renders were dropped before they began; a wrong
    one costs a loading.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._used: list[_Used] = []  # the last first
        self._passing_by: float | None = None  # since when heads are passed by, seconds since 1970

    def at_hand(self, now: float) -> Loaded | None:
        """What a claim may prefer now; None: it is to take the next head, whatever that wants."""
        if not self._used or (self._passing_by is not None and now - self._passing_by >= MAX_QUEUE_DELAY):
            return None
        adapters = frozenset[str]().union(*(used.adapters for used in self._used))
        return Loaded(adapters, tuple(used.batch_key for used in self._used if used.seconds <= MAX_QUEUE_DELAY))

    def claimed(self, claim: Claim, now: float) -> None:
        """A batch was claimed, whose turn it was or, if it says so, by passing by a head."""
        self._passing_by = (self._passing_by or now) if claim.passed_by else None
        first = claim.renders[0]
        if adapters := wanted(first.parameters):
            others = [used for used in self._used if used.batch_key != first.batch_key]
            seconds = sum(render.estimate for render in claim.renders)
            self._used = self._first_that_fit([_Used(first.batch_key, adapters, seconds), *others])

    def forget(self) -> None:
        """The engine is another one."""
        self._used = []

    def _first_that_fit(self, used: Sequence[_Used]) -> list[_Used]:
        """Those whose adapters are still there, beside those that were used after them."""
        kept: list[_Used] = []
        loaded = frozenset[str]()
        for one in used:
            loaded |= one.adapters
            if kept and len(loaded) > self._most:
                break
            kept.append(one)
        return kept
