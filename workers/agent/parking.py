"""Letting urgent work pass: others are parked in the engine for it where that pays, and go on when it is done."""

from collections.abc import Callable, Collection, Iterable, Iterator

import structlog

from farm.settings import Settings
from scheduler.batching.batch_curves import Shape
from scheduler.batching.preemption_policy import Limits, Running, Urgent, no_lower_than, rank, whom_to_park
from scheduler.claims.claim_batch import Waiting
from workers.agent.batch_capacity import BatchCapacity
from workers.agent.batch_claims import Batch, BatchClaims
from workers.agent.engine_supervisor import EngineSupervisor
from workers.agent.leased_renders import LeasedRender, LeasedRenders
from workers.protocol import ParkRenders, ResumeRenders

log = structlog.get_logger(__name__)


class Parking:
    """For one worker; one thread uses it. What is parked keeps its lease, and its place in `LeasedRenders`."""

    def __init__(
        self,
        settings: Settings,
        *,
        claims: BatchClaims,
        link: EngineSupervisor,
        held_renders: LeasedRenders,
        sizes: BatchCapacity,
    ) -> None:
        self._limits = Limits(settings.max_parked, settings.parked_seconds)
        self._shares = settings.class_shares
        self._claims = claims
        self._link = link
        self._held_renders = held_renders
        self._sizes = sizes
        self._left_to_join: str | None = None  # the class of what `let_pass` saw last, and parked nobody for

    @property
    def parked(self) -> list[LeasedRender]:
        """What is parked now."""
        return [leased for leased in self._held_renders.in_engine() if leased.is_parked]

    def let_pass(self, batch: Batch, goes_on: Callable[[], bool]) -> Iterator[Batch]:
        """What passes `batch`, the one that renders now: more urgent batches, as long as such wait and parking pays.

        Each is to be rendered before the next is asked for, and for each some of what runs is parked. All that was
        parked goes on after the last; so take them to the end, and let `goes_on` say no to have no more of them.
        """
        parked: list[str] = []
        self._left_to_join = None
        while goes_on() and (urgent := self._more_urgent(batch, parked)):
            to_park = self._whom(batch, urgent)
            gives_way = to_park or self.all_finishing() or any(held.render.id in parked for held in self.parked)
            if not gives_way:
                self._left_to_join = urgent.class_name
                break
            first = self._claims.claim(no_lower_than(urgent.class_name, self._shares))
            if first is None:
                break
            self._park(to_park)
            parked += to_park
            yield first
        self._resume(parked)

    @property
    def is_due(self) -> bool:
        """Whether somebody was left to join or wait, and what renders has nothing but its pixels before it now."""
        return self._left_to_join is not None and self.all_finishing()

    def all_finishing(self) -> bool:
        """Whether nothing in the engine takes part in a pass again: its decoding lets others go before it."""
        return all(held.passes_left <= 0 for held in self._held_renders.in_engine())

    def may_join_unseen(self, batch: Batch) -> frozenset[str] | None:
        """The classes of which renders may join before anybody has asked whether others are to be parked for them:
        those of the batch that are no more urgent than all that renders; None: all.
        """
        least = self._least_urgent(())
        return batch.only if least is None else self._no_more_urgent(least, batch)

    def may_join(self, batch: Batch) -> frozenset[str] | None:
        """The classes of which renders may join behind `let_pass`; None: all. Beside those of `may_join_unseen` that is
        the class for which it parked nobody, and lower ones: what came more urgent since then nobody has looked at.
        """
        unseen = self.may_join_unseen(batch)
        if unseen is None or self._left_to_join is None:
            return unseen
        return unseen | self._no_more_urgent(self._left_to_join, batch)

    def resume_overdue(self) -> None:
        """Those that have been parked for as long as they may go on beside whatever renders."""
        self._resume([held.render.id for held in self.parked if held.parked_seconds >= self._limits.parked_seconds])

    def _no_more_urgent(self, class_name: str, batch: Batch) -> frozenset[str]:
        """This class and lower ones, of those that may join the batch at all."""
        names = frozenset(name for name in self._shares if self._rank(name) >= self._rank(class_name))
        return names if batch.only is None else names & batch.only

    def _more_urgent(self, batch: Batch, given_way: Collection[str]) -> Waiting | None:
        """What waits that is more urgent than the least urgent of what renders, or than `batch` at its end."""
        least = self._least_urgent(given_way)
        if least is None and self._limits.max_parked and self.all_finishing():
            least = batch.claim.head.class_name
        return None if least is None else self._claims.before(least)

    def _least_urgent(self, given_way: Collection[str]) -> str | None:
        """The class that would give way first, of those that take part in passes or have `given_way` (ids) and are
        still parked; None if nothing could.
        """
        if not self._limits.max_parked:
            return None
        classes = {
            held.render.class_name
            for held in self._held_renders.in_engine()
            if held.passes_left > 0 and (not held.is_parked or held.render.id in given_way)
        }
        least = max(classes, key=self._rank, default=None)
        return least if least is not None and self._rank(least) > 0 else None

    def _whom(self, batch: Batch, urgent: Waiting) -> list[str]:
        """Which renders to park for what waits; `batch` is the one that renders now."""
        going = [leased for leased in self._held_renders.in_engine() if not leased.is_parked]
        running = [
            Running(held.render.id, held.render.class_name, held.passes_left, held.parked_seconds) for held in going
        ]
        parked = len(self.parked)
        return whom_to_park(
            running, self._urgent(batch, urgent, going), parked=parked, limits=self._limits, shares=self._shares
        )

    def _park(self, render_ids: list[str]) -> None:
        """Park these: they take part in no pass from the next step on."""
        if render_ids:
            log.info("parked", renders=len(render_ids))
            self._held_renders.park(render_ids)
            self._link.send(ParkRenders(render_ids))

    def _resume(self, render_ids: Iterable[str]) -> None:
        """Let those of them that are parked go on."""
        wanted = set(render_ids)
        ids = [leased.render.id for leased in self.parked if leased.render.id in wanted]
        if ids:
            log.info("resumed", renders=len(ids))
            self._held_renders.resume(ids)
            self._link.send(ResumeRenders(ids))

    def _urgent(self, batch: Batch, urgent: Waiting, going: list[LeasedRender]) -> Urgent:
        head, size = batch.claim.head, sum(leased.passes_left > 0 for leased in going)
        fits = urgent.batch_key == head.batch_key and batch.may_be_joined and size < batch.slots
        shape = Shape(head.width, head.height, head.frames)
        return Urgent(
            urgent.class_name,
            may_join=fits,
            shared_seconds=self._sizes.pass_seconds(shape, size + 1),
            own_seconds=self._sizes.pass_seconds(shape, 1),
        )

    def _rank(self, class_name: str) -> int:
        return rank(class_name, self._shares)
