"""Why something is not rendered yet: one sentence and the facts behind it. Pure decisions over a queue position.

What is named first is what has to change first: a paused job that also has no worker is told as paused.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from farm.lifecycle import JobStatus, Phase, RenderStatus
from scheduler.fleet.storage_outages import Unstored
from scheduler.forecasts.lane_snapshot import LaneSnapshot
from scheduler.forecasts.queue_position import QueuePosition
from scheduler.forecasts.start_times import ahead

_PHASES = {
    Phase.CLAIMED.value: "a worker has it and will begin at once",
    Phase.ENCODING.value: "its prompt is being read",
    Phase.STEPPING.value: "it is being rendered",
    Phase.PARKED.value: "it is parked for something more urgent, and goes on where it was",
    Phase.FINISHING.value: "its picture is being stored",
}


@dataclass(frozen=True)
class Reason:
    """`kind` for programs, `sentence` for people, `facts` as JSON values. `before`: renders that come first."""

    kind: str
    sentence: str
    facts: dict[str, Any] = field(default_factory=dict)
    before: int | None = None


def job_reason(queue_position: QueuePosition, shares: dict[str, float], now: float) -> Reason:
    """Why the job is where it is."""
    job = queue_position.job
    if job.finished_at is not None:
        return Reason("finished", f"It has ended: {job.status}.", {"status": job.status})
    if job.left == 0 and job.status == JobStatus.ADMITTING.value:
        return Reason("admitting", "Its renders are still coming in.")
    waiting = job.left - queue_position.running - queue_position.drafted
    held = _held(queue_position, now) or _closed(queue_position)
    if queue_position.unstored is not None:
        return _unstored(queue_position.unstored)
    if waiting <= 0 and queue_position.drafted and not queue_position.running:
        stopped = (
            "1 of its renders has" if queue_position.drafted == 1 else f"{queue_position.drafted:,} of its renders have"
        )
        facts = {"drafted": queue_position.drafted}
        return Reason("drafted", f"{stopped} stopped at a draft and wait for somebody's choice.", facts)
    if waiting <= 0:
        return Reason("running", f"{_renders(queue_position.running)} being rendered, and nothing of it waits.")
    if queue_position.running:
        what = f"{_renders(queue_position.running)} being rendered. The rest: "
        rest = held or _turn(queue_position, shares)
        return Reason(
            rest.kind, what + _lower(rest.sentence), rest.facts | {"running": queue_position.running}, rest.before
        )
    if job.status == JobStatus.ADMITTING.value and held is None:
        return _turn(queue_position, shares)
    return held or _turn(queue_position, shares)


def render_reason(render: Any, queue_position: QueuePosition, shares: dict[str, float], now: float) -> Reason:
    """Why one render is where it is. `render`: status, phase, reason, worker_id, eligible_at, failures."""
    status = RenderStatus(render.status)
    if status is RenderStatus.RUNNING and queue_position.unstored is not None:
        return _unstored(queue_position.unstored, render.phase)
    if status is RenderStatus.RUNNING:
        return Reason(
            "running", f"It is on its way: {_PHASES.get(render.phase, 'a worker has it')}.",
            {"phase": render.phase, "worker": render.worker_id},
        )  # fmt: skip
    if status is RenderStatus.DRAFTED:
        return Reason("drafted", "It stopped at a step and waits for somebody's choice.")
    if status not in (RenderStatus.PENDING, RenderStatus.HELD):
        because = f": {render.reason}" if render.reason else ""
        return Reason("finished", f"It has ended: {status.value}{because}.", {"status": status.value})
    found = _held(queue_position, now) or _closed(queue_position)
    if found is None and status is RenderStatus.HELD:
        until = render.eligible_at
        found = (
            Reason("not_before", f"It may not start before {_time(until)}.", {"not_before": until})
            if until is not None and until > now
            else Reason("released", "It was held and is being released: it waits for its turn in a moment.")
        )
    return found or _turn(queue_position, shares)


def _held(queue_position: QueuePosition, now: float) -> Reason | None:
    """What its owner or an operator decided, or an agreement about time."""
    job = queue_position.job
    if job.status == JobStatus.PAUSED.value:
        return Reason("job_paused", "The job is paused: it goes on when somebody resumes it.")
    if job.project_paused_at is not None:
        return Reason("project_paused", "The project is paused: it goes on when an operator resumes it.")
    if job.flow_paused_at is not None:
        return Reason(
            "flow_paused", f"The project's {job.class_name} work for {job.model} is paused: somebody has to resume it.",
            {"class": job.class_name},
        )  # fmt: skip
    if queue_position.after:
        others = "another job" if len(queue_position.after) == 1 else f"{len(queue_position.after)} other jobs"
        return Reason("after", f"It waits until {others} ended.", {"after": queue_position.after})
    if job.not_before is not None and job.not_before > now:
        return Reason("not_before", f"It may not start before {_time(job.not_before)}.", {"not_before": job.not_before})
    return None


def _closed(queue_position: QueuePosition) -> Reason | None:
    """Nobody could take it now: paused lanes and pools, a quota, no worker."""
    snapshot, job = queue_position.snapshot, queue_position.job
    if snapshot is None:
        return Reason("no_model", f"{job.model} is no longer in the catalog of this farm: nothing renders it.")
    if snapshot.paused:
        return Reason("lane_paused", f"All work for {job.lane} is paused by an operator.", {"lane": job.lane})
    if not snapshot.pools:
        return Reason("no_pool", f"No pool of this farm serves {job.model}.")
    if not snapshot.open_pools:
        names = [pool.name for pool in snapshot.pools]
        return Reason("pool_paused", f"{_list('Pool', names)} paused by an operator.", {"pools": names})
    most = job.max_running
    if most is not None and queue_position.project_running >= most:
        return Reason(
            "quota",
            f"The project may render {most} at once, and {queue_position.project_running} are being rendered: the next "
            "begins when one ends.",
            {"max_running": most, "running": queue_position.project_running},
        )
    return _nobody(snapshot, job.model) or _nothing_stored(snapshot, job.model)


def _nobody(snapshot: LaneSnapshot, model: str) -> Reason | None:
    """No worker that takes work: why, and whether one comes."""
    pools = snapshot.open_pools
    if any(pool.ready for pool in pools):
        return None
    starting = sum(len(pool.starting) + pool.wanted for pool in pools)
    facts = {
        "starting": starting,
        "quarantined": sum(pool.quarantined for pool in pools),
        "draining": sum(pool.draining for pool in pools),
    }
    if starting:
        soon = [*(after for pool in pools for after in pool.starting), *(p.startup_seconds for p in pools if p.wanted)]
        return Reason(
            "pool_starting", f"{starting} worker{'' if starting == 1 else 's'} for {model} "
            f"{'is' if starting == 1 else 'are'} starting; the first should be ready in about {min(soon):.0f} s.",
            facts,
        )  # fmt: skip
    if facts["quarantined"]:
        return Reason(
            "quarantined", f"Every worker for {model} is quarantined: it fails where others should not, and an "
            "operator has to look at it.", facts,
        )  # fmt: skip
    if facts["draining"]:
        return Reason("draining", f"The workers for {model} are stopping, and no other is there.", facts)
    if any(pool.scaled for pool in pools):
        return Reason("no_worker", f"No worker for {model} is running; the autoscaler will start one.", facts)
    return Reason("no_worker", f"No worker for {model} is running: it waits until one is started.", facts)


def _unstored(unstored: Unstored, phase: str | None = None) -> Reason:
    """What runs, or this one render in its phase, cannot be stored."""
    if unstored.renders == 1:
        what = "It is rendered" if phase == Phase.FINISHING.value else "It is on its way"
    else:
        what = f"{unstored.renders:,} of its renders are on their way or rendered"
    return _storage(f"{what}, but cannot be stored", unstored, {"renders": unstored.renders})


def _nothing_stored(snapshot: LaneSnapshot, model: str) -> Reason | None:
    """There are workers, but nothing that they render could be stored."""
    unstored = snapshot.unstored
    if unstored is None:
        return None
    return _storage(f"No worker for {model} can store what it renders", unstored, {"workers": unstored.workers})


def _storage(what: str, unstored: Unstored, facts: dict[str, Any]) -> Reason:
    return Reason(
        "storage", f"{what}: since {_time(unstored.since)} the object storage {unstored.trouble}. It is tried again "
        "all the time.",
        facts | {"since": unstored.since, "trouble": unstored.trouble},
    )  # fmt: skip


def _turn(queue_position: QueuePosition, shares: dict[str, float]) -> Reason:
    """It only waits for its turn."""
    assert queue_position.snapshot is not None, "what has no lane was told before"
    snapshot = queue_position.snapshot
    waiting = snapshot.backlog.renders
    first = ahead(queue_position.wanted, snapshot.flows(), shares)
    each = snapshot.backlog.gpu_seconds / waiting if waiting else 0.0
    before = max(queue_position.before, round(first / each) if each else 0)
    ready = sum(pool.ready for pool in snapshot.open_pools)
    facts = {"before": before, "workers": ready, "waiting_in_lane": waiting, "approximate": True}
    if before == 0 and snapshot.idle:
        return Reason("next", "A worker is free: it starts in a moment.", facts, 0)
    if before == 0:
        return Reason("next", "It is among the next: it starts when a worker is free.", facts, 0)
    return Reason(
        "before", f"About {before:,} other render{'' if before == 1 else 's'} will be served first, by "
        f"{ready} worker{'' if ready == 1 else 's'}.",
        facts, before,
    )  # fmt: skip


def _renders(count: int) -> str:
    return "1 of its renders is" if count == 1 else f"{count:,} of its renders are"


def _list(noun: str, names: list[str]) -> str:
    return f"{noun} {names[0]} is" if len(names) == 1 else f"{noun}s {', '.join(names)} are"


def _lower(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:]


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
