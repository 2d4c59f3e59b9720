"""Taking renders inside one transaction: heads, backfill, and what is written about them. Claims and joins share it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, insert

from farm.tables import Attempt
from scheduler.claims import claim_sql
from scheduler.claims.claim_sql import Lease, Peeked, Taken
from scheduler.claims.running_limits import Allowances
from scheduler.claims.scan_cursor import Place, ScanCursor
from scheduler.fair_share.charge_amounts import claim_costs
from scheduler.fair_share.charges import charge, claimed
from scheduler.fair_share.fair_queueing import Turn

#: How many other flows are asked for backfill at once, at the most.
NEIGHBOURS = 8
#: Up to so many waiting renders are counted, more are "many".
_COUNTED = 128


@dataclass(frozen=True)
class Head:
    """The render whose turn it is: what the size of its batch depends on."""

    id: str
    lane: str
    flow_id: str
    class_name: str
    batch_key: str
    width: int  # pixels, as the model renders it
    height: int
    frames: int
    batch_limit: int | None  # how many may render beside it, itself included; None: any number
    waited: float  # seconds since it was submitted
    waiting: int | None = None  # renders that wait in the pool's lane, itself included; None: many, or nobody counted


@dataclass(frozen=True)
class ClaimedRender:
    """A render as its worker gets it: what to render, and the attempt it speaks for from now on."""

    id: str
    job_id: str
    project_id: str
    index: int
    attempt: int
    lane: str
    batch_key: str
    width: int  # pixels, as the model renders it
    height: int
    frames: int
    parameters: dict[str, Any]
    estimate: float  # GPU-seconds
    failures: int
    class_name: str = "normal"
    waited: float = 0.0  # seconds since it was submitted


@dataclass(frozen=True)
class Claim:
    """Renders of one batch key, leased to one worker; the head is first."""

    batch_id: str
    renders: list[ClaimedRender]
    head: Head
    passed_by: str | None = None  # whose turn it was, if it wanted adapters that are not loaded
    apart: bool = False  # less urgent work waits that would slow these down in their passes


@dataclass
class Taker:
    """Takes renders for one worker, and remembers which. One transaction long."""

    connection: Connection
    lease: Lease
    scan_cursor: ScanCursor
    allowances: Allowances
    rows: list[Taken] = field(default_factory=list)

    def head(self, flow_id: str, capacity: int, batch_key: str | None = None) -> Taken | None:
        """The flow's first render; with it up to `capacity - 1` of its key, unless it has a batch limit.

        With a `batch_key`: those only if it has that key, else alone.
        """
        capacity = self.allowances.allow(flow_id, capacity)
        if capacity < 1:
            return None
        rows = self._take_head(flow_id, capacity, batch_key)
        if not rows and self.scan_cursor.forget(flow_id):
            rows = self._take_head(flow_id, capacity, batch_key)
        if not rows:
            return None
        self._keep(flow_id, rows)
        self.scan_cursor.set(flow_id, _place_of(rows[0]), self.lease.start)
        return rows[0]

    def peek(self, flow_id: str) -> Peeked | None:
        """The flow's first render as it is seen without a lock; None also if its project may start no more."""
        if self.allowances.allow(flow_id, 1) < 1:
            return None
        head = claim_sql.peek(self.connection, flow_id, self._place(flow_id), self.allowances.ending)
        if head is None and self.scan_cursor.forget(flow_id):
            head = claim_sql.peek(self.connection, flow_id, self._place(flow_id), self.allowances.ending)
        return head

    def fill(self, flow_id: str, batch_key: str, batch_limit: int | None, slots: int) -> list[Taken]:
        """Up to so many renders of a flow with this batch key and this batch limit."""
        slots = self.allowances.allow(flow_id, slots)
        if slots < 1:
            return []
        # Nothing pending lies before the head of the flow, and nothing of the key before its first.
        mark = f"{flow_id} {batch_key}"
        place = max(self._place(flow_id), self.scan_cursor.of(mark, self.lease.start))
        rows = claim_sql.take_backfill(
            self.connection, flow_id, batch_key, batch_limit, slots, self.lease, place, self.allowances.ending
        )
        if rows:
            self._keep(flow_id, rows)
            if batch_limit is None:
                self.scan_cursor.set(mark, _place_of(rows[0]), self.lease.start)
        return rows

    def fill_from(self, turns: Sequence[Turn], batch_key: str, slots: int) -> None:
        """Fill slots from these flows in their order; renders with a batch limit fill nobody's batch."""
        for turn in turns[:NEIGHBOURS]:
            if slots <= 0:
                return
            slots -= len(self.fill(turn.flow.id, batch_key, None, slots))

    def waiting(self) -> int | None:
        """How many renders wait in the head's flow, those that were taken included; None: many."""
        head = self.rows[0]
        more = claim_sql.count_waiting(self.connection, head.flow_id, _place_of(head), _COUNTED)
        return None if more >= _COUNTED else more + len(self.rows)

    def write(self, batch_id: str, pool: str, turns: Sequence[Turn], *, beside: int, served: Turn | None) -> None:
        """Attempts, then charges: each render to its own flow. `served`: the turn that was taken, for newcomers.

        `beside`: how many renders the batch held before these.
        """
        attempts = [
            {
                "render_id": row.id,
                "number": row.attempt,
                "worker_id": self.lease.worker_id,
                "pool": pool,
                "batch_id": batch_id,
                "batch_size": beside + len(self.rows),
                "started_at": self.lease.start,
            }
            for row in self.rows
        ]
        self.connection.execute(insert(Attempt), attempts)
        costs = claim_costs((row.flow_id, row.estimate) for row in self.rows)
        lane = self.rows[0].lane
        entries = [
            claimed(lane, turn, costs[turn.flow.id], is_head=turn is served) for turn in turns if turn.flow.id in costs
        ]
        charge(self.connection, entries, self.lease.start)

    def _keep(self, flow_id: str, rows: Sequence[Taken]) -> None:
        self.rows += rows
        self.allowances.spend(flow_id, len(rows))

    def _take_head(self, flow_id: str, capacity: int, batch_key: str | None) -> list[Taken]:
        place, ending = self._place(flow_id), self.allowances.ending
        return claim_sql.take_head(self.connection, flow_id, capacity, self.lease, place, batch_key, ending)

    def _place(self, flow_id: str) -> Place:
        """Where to look from in a flow."""
        place, ending = self.scan_cursor.of(flow_id, self.lease.start), self.allowances.ending
        return claim_sql.behind_ending(self.connection, flow_id, place, ending) if ending else place


def head_of(row: Taken, class_name: str, now: float, waiting: int | None = None) -> Head:
    """What the size of a batch depends on, of the render that was taken first."""
    return Head(
        id=row.id,
        lane=row.lane,
        flow_id=row.flow_id,
        class_name=class_name,
        batch_key=row.batch_key,
        width=row.width,
        height=row.height,
        frames=row.frames,
        batch_limit=row.batch_limit,
        waited=max(0.0, now - row.created_at),
        waiting=waiting,
    )


def claimed_render(row: Taken, class_name: str, now: float) -> ClaimedRender:
    """The row as its worker gets it; `now`: when it was claimed."""
    return ClaimedRender(
        id=row.id,
        job_id=row.job_id,
        project_id=row.project_id,
        index=row.index,
        attempt=row.attempt,
        lane=row.lane,
        batch_key=row.batch_key,
        width=row.width,
        height=row.height,
        frames=row.frames,
        parameters=row.parameters,
        estimate=float(row.estimate),  # SQLite returns whole numbers as int
        failures=row.failures,
        class_name=class_name,
        waited=max(0.0, now - row.created_at),
    )


def _place_of(row: Taken) -> Place:
    return row.rank, row.id
