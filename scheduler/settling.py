"""The settle: a worker says how renders ended, for the attempts it holds; one transaction for all of them.

Locks, in this order: the renders by primary key in the order of their ids; then jobs, flows and classes, each in the
order of theirs. It reads no index but primary keys. What a revoked attempt says is void.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Engine, insert, select

from farm.database import write
from farm.ids import new_id
from farm.lifecycle import Outcome, RenderStatus
from farm.progress import JobChanged
from farm.storage import ArtifactKind, StoredFile
from farm.tables import Artifact, Attempt
from scheduler.changes import JobChange, record
from scheduler.fairness import settle_cost
from scheduler.leaving import Due, settle_flows
from scheduler.transitions import LockedRender, end_attempt, lock_renders, move


@dataclass(frozen=True)
class Output:
    """A stored file of a render; width and height in pixels, where it has them."""

    kind: ArtifactKind
    file: StoredFile
    width: int | None = None
    height: int | None = None
    frames: int | None = None


@dataclass(frozen=True)
class Settlement:
    """How one attempt ended: DONE with its artifacts, FAILED (blamed) or RETURNED (nobody is), with a reason."""

    render_id: str
    attempt: int
    outcome: Outcome
    reason: str | None = None
    gpu_seconds: float | None = None
    artifacts: Sequence[Output] = ()
    log_lines: str | None = None  # of a FAILED one: what its worker wrote last, without secrets

    def __post_init__(self) -> None:
        if self.outcome not in (Outcome.DONE, Outcome.FAILED, Outcome.RETURNED):
            raise ValueError(f"A worker cannot settle a render as {self.outcome}.")
        if self.outcome is Outcome.DONE and not any(file.kind is ArtifactKind.OUTPUT for file in self.artifacts):
            raise ValueError("A render is done only with an output.")


@dataclass(frozen=True)
class Settled:
    """Which settlements counted (render ids), and which jobs changed: announce them after the commit."""

    accepted: list[str] = field(default_factory=list)
    jobs: list[JobChanged] = field(default_factory=list)


def settle(
    engine: Engine,
    settlements: Sequence[Settlement],
    now: float,
    *,
    max_failures: int = 3,
    worker_id: str | None = None,
) -> Settled:
    """Settle all that still stand at their attempt (and, when it is given, with this worker).

    A settlement that is repeated because the answer to the first got lost is accepted again, and changes nothing.
    """
    if not settlements:
        return Settled()
    with write(engine) as connection:
        renders = lock_renders(connection, [settlement.render_id for settlement in settlements])
        accepted: list[str] = []
        moved: list[tuple[LockedRender, Settlement, RenderStatus]] = []
        for settlement in settlements:
            render = renders.pop(settlement.render_id, None)
            if render is None or render.attempt != settlement.attempt:
                continue
            if render.status == RenderStatus.DONE and settlement.outcome is Outcome.DONE:
                accepted.append(render.id)
            elif render.status == RenderStatus.RUNNING and worker_id in (None, render.worker_id):
                accepted.append(render.id)
                moved.append((render, settlement, _settle_one(connection, render, settlement, now, max_failures)))
        _store_artifacts(connection, [settlement for _, settlement, _ in moved], now)
        jobs = record(connection, _changes(moved), now)
        if moved:
            back = [render for render, _, to in moved if to is RenderStatus.PENDING]
            settle_flows(connection, _dues(moved), back, now)
    return Settled(accepted, jobs)


def _settle_one(
    connection: Connection, render: LockedRender, settlement: Settlement, now: float, max_failures: int
) -> RenderStatus:
    """Move one render and end its attempt; returns where it went."""
    end_attempt(
        connection,
        render,
        settlement.outcome,
        now=now,
        reason=settlement.reason,
        gpu_seconds=settlement.gpu_seconds,
    )
    if settlement.outcome is Outcome.DONE:
        move(
            connection,
            render,
            RenderStatus.DONE,
            raise_attempt=False,
            finished_at=now,
            gpu_seconds=settlement.gpu_seconds,
        )
        return RenderStatus.DONE
    if settlement.outcome is Outcome.RETURNED:
        move(connection, render, RenderStatus.PENDING, raise_attempt=True, reason=settlement.reason)
        return RenderStatus.PENDING
    failures = render.failures + 1
    blamed: dict[str, Any] = {"failures": failures, "reason": settlement.reason}
    if failures >= max_failures:
        move(connection, render, RenderStatus.FAILED, raise_attempt=True, finished_at=now, **blamed)
        return RenderStatus.FAILED
    blamed["company"] = _less_company(connection, render)
    move(connection, render, RenderStatus.PENDING, raise_attempt=True, **blamed)
    return RenderStatus.PENDING


def _less_company(connection: Connection, render: LockedRender) -> int:
    """After the first blame half of the batch that it was in, after the second it renders alone.

    So an innocent neighbour of a render that kills its process is alone, and done, before it runs out of failures.
    """
    if render.company is not None:
        return 1
    batch_size = connection.scalar(
        select(Attempt.batch_size).where(Attempt.render_id == render.id, Attempt.number == render.attempt)
    )
    return max(1, (batch_size or 1) // 2)


def _store_artifacts(connection: Connection, settlements: Sequence[Settlement], now: float) -> None:
    rows = [
        {
            "id": new_id(),
            "render_id": settlement.render_id,
            "attempt": settlement.attempt,
            "kind": output.kind.value,
            "key": output.file.key,
            "content_type": output.file.content_type,
            "size": output.file.size,
            "sha256": output.file.sha256,
            "width": output.width,
            "height": output.height,
            "frames": output.frames,
            "created_at": now,
        }
        for settlement in settlements
        if settlement.outcome is Outcome.DONE
        for output in settlement.artifacts
    ]
    if rows:
        connection.execute(insert(Artifact), rows)


def _changes(moved: Sequence[tuple[LockedRender, Settlement, RenderStatus]]) -> dict[str, JobChange]:
    """Ends are counted; what goes back is told as 'retried' (blamed) or 'returned' (not)."""
    changes: defaultdict[str, JobChange] = defaultdict(JobChange)
    for render, settlement, to in moved:
        change = changes[render.job_id]
        if to is RenderStatus.PENDING:
            kind = "retried" if settlement.outcome is Outcome.FAILED else "returned"
        else:
            kind = to.value
            change.ended[to] += 1
        change.told[kind].append((render.index, settlement.reason))
    return changes


def _dues(moved: Sequence[tuple[LockedRender, Settlement, RenderStatus]]) -> dict[str, Due]:
    """By flow, the measured seconds less the estimates that were charged at the claim."""
    dues: defaultdict[str, Due] = defaultdict(Due)
    for render, settlement, to in moved:
        due = dues[render.flow_id]
        due.gpu_seconds += settle_cost(
            render.estimate, settlement.gpu_seconds, keeps_estimate=settlement.outcome is not Outcome.RETURNED
        )
        due.spent += max(settlement.gpu_seconds or 0.0, 0.0)
        due.renders += to is not RenderStatus.PENDING
    return dues
