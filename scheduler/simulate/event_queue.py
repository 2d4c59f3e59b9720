"""The state of a simulation, and its heap of things that will happen. What they do is in the modules beside it.

Virtual: time, workers, heartbeats (the lease of a worker that is not heard of ends `lease_seconds` after its last
one), rings (idle workers look as soon as there is something for them). Real: admission, the order of flows, claims,
settles, reaping, the tables in SQL, estimates, the autoscaler's decisions.
"""

import heapq
import itertools
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from farm.connections import Connections
from scheduler.claims.claim_batch import ClaimedRender
from scheduler.simulate.fleet import Fleet
from scheduler.simulate.in_memory_farm import BEGIN, VirtualClock
from scheduler.simulate.ledger import Ledger
from scheduler.simulate.policies import Policy
from scheduler.simulate.results.contention import Contention
from scheduler.simulate.results.result import Sample
from scheduler.simulate.timing import Kinds
from scheduler.simulate.virtual_pool import RunningPool


@dataclass(frozen=True)
class Options:
    """How a simulation runs; lengths of time in virtual seconds."""

    seed: int = 0
    weights: Mapping[str, float] = field(default_factory=dict)  # of projects; 1 for the others
    lease_seconds: float = 30.0
    heartbeat_seconds: float = 5.0
    decide_seconds: float = 10.0  # between two decisions of an autoscaler
    sample_seconds: float = 60.0  # between two points of the plots
    duty_seconds: float = 60.0  # between two rounds of learning and folding
    max_failures: int = 3


@dataclass(frozen=True)
class Happening:
    """Something that will happen: its name in `scheduler.simulate.run`, and what it happens to."""

    name: str
    to: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Lost:
    """What a worker held that is not heard of any more; the lease in seconds since 1970."""

    lease_until: float
    lane: str
    renders: Sequence[ClaimedRender]


class Simulation:
    """One run: what is, and what will be. `now` is seconds since the beginning of the trace."""

    def __init__(self, connections: Connections, fleet: Fleet, policy: Policy, options: Options) -> None:
        self.connections, self.policy, self.options = connections, policy, options
        clock = connections.clock
        assert isinstance(clock, VirtualClock)
        self._clock = clock
        self._heap: list[tuple[float, int, Happening]] = []
        self._number = itertools.count()
        self.random = random.Random(f"world {options.seed}")
        self.now = 0.0
        self.kinds = Kinds(connections.catalog)
        self.ledger = Ledger()
        self.contention = Contention()
        self.projects: dict[str, str] = {}  # name → id
        self.ended: list[str] = []  # renders that were settled and are still in SQL
        self.pending: defaultdict[str, int] = defaultdict(int)  # renders by lane
        self.lost: list[Lost] = []
        self.arriving = 0  # jobs of the trace that are still to come
        self.counted: defaultdict[str, int] = defaultdict(int)  # claims, slots, crashes, …
        self.samples: list[Sample] = []
        lanes = {name: entry.lane for name, entry in connections.catalog.models.items()}
        self.running_pools = [RunningPool(pool, lanes[pool.entry.model]) for pool in fleet.pools]

    @property
    def clock_now(self) -> float:
        """The virtual clock: seconds since 1970, as all SQL has them."""
        return self._clock.now

    @property
    def over(self) -> bool:
        """Everything that came has ended, and nothing is to come."""
        return not self.arriving and not self.ledger.open

    def at(self, when: float, name: str, *to: Any) -> None:
        """Let something happen at a moment; of what happens at the same moment, what was said first is first."""
        heapq.heappush(self._heap, (when, next(self._number), Happening(name, to)))

    def soon(self, seconds: float, name: str, *to: Any) -> None:
        """Let something happen so many seconds from now."""
        self.at(self.now + seconds, name, *to)

    def next(self) -> Happening | None:
        """What happens next; time jumps there. None when nothing will."""
        if not self._heap:
            return None
        self.now, _, happening = heapq.heappop(self._heap)
        self._clock.now = BEGIN + self.now
        return happening
