"""Why something is not rendered yet: one sentence and the facts behind it. Pure decisions over a queue position.

What is named first is what has to change first: a paused job that also has no worker is told as paused.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from farm.lifecycle import JobStatus, Phase, RenderStatus
from farm.sentences import Sentence, counted, sentence
from scheduler.fleet.storage_outages import Unstored
from scheduler.forecasts.lane_snapshot import LaneSnapshot
from scheduler.forecasts.queue_position import QueuePosition
from scheduler.forecasts.start_times import ahead

_PHASES = {
    Phase.CLAIMED.value: sentence("a worker has it and will begin at once"),
    Phase.ENCODING.value: sentence("its prompt is being read"),
    Phase.STEPPING.value: sentence("it is being rendered"),
    Phase.PARKED.value: sentence("it is parked for something more urgent, and goes on where it was"),
    Phase.FINISHING.value: sentence("its picture is being stored"),
}


@dataclass(frozen=True)
class Reason:
    """`kind` for programs, `sentence` for people, `facts` as JSON values. `before`: renders that come first."""

    kind: str
    sentence: Sentence
    facts: dict[str, Any] = field(default_factory=dict)
    before: int | None = None


def job_reason(queue_position: QueuePosition, shares: dict[str, float], now: float) -> Reason:
    """Why the job is where it is."""
    job = queue_position.job
    if job.finished_at is not None:
        return Reason(
            "finished", sentence("It has ended: %(status)s.", status=sentence(job.status)), {"status": job.status}
        )
    if job.left == 0 and job.status == JobStatus.ADMITTING.value:
        return Reason("admitting", sentence("Its renders are still coming in."))
    waiting = job.left - queue_position.running - queue_position.drafted
    held = _held(queue_position, now) or _closed(queue_position)
    if queue_position.unstored is not None:
        return _unstored(queue_position.unstored)
    if waiting <= 0 and queue_position.drafted and not queue_position.running:
        stopped = counted(
            "%(count)s of its renders has stopped at a draft and waits for somebody's choice.",
            "%(count)s of its renders have stopped at a draft and wait for somebody's choice.",
            queue_position.drafted,
        )
        return Reason("drafted", stopped, {"drafted": queue_position.drafted})
    if waiting <= 0:
        said = counted(
            "%(count)s of its renders is being rendered, and nothing of it waits.",
            "%(count)s of its renders are being rendered, and nothing of it waits.",
            queue_position.running,
        )
        return Reason("running", said)
    if queue_position.running:
        rest = held or _turn(queue_position, shares)
        said = counted(
            "%(count)s of its renders is being rendered, others wait. %(rest)s",
            "%(count)s of its renders are being rendered, others wait. %(rest)s",
            queue_position.running,
            rest=rest.sentence,
        )
        return Reason(rest.kind, said, rest.facts | {"running": queue_position.running}, rest.before)
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
            "running",
            sentence("It is on its way: %(phase)s.", phase=_PHASES.get(render.phase, sentence("a worker has it"))),
            {"phase": render.phase, "worker": render.worker_id},
        )
    if status is RenderStatus.DRAFTED:
        return Reason("drafted", sentence("It stopped at a step and waits for somebody's choice."))
    if status not in (RenderStatus.PENDING, RenderStatus.HELD):
        if render.reason:
            said = sentence(
                "It has ended: %(status)s: %(reason)s.", status=sentence(status.value), reason=render.reason
            )
        else:
            said = sentence("It has ended: %(status)s.", status=sentence(status.value))
        return Reason("finished", said, {"status": status.value})
    found = _held(queue_position, now) or _closed(queue_position)
    if found is None and status is RenderStatus.HELD:
        until = render.eligible_at
        found = (
            Reason("not_before", _not_before(until), {"not_before": until})
            if until is not None and until > now
            else Reason("released", sentence("It was held and is being released: it waits for its turn in a moment."))
        )
    return found or _turn(queue_position, shares)


def _held(queue_position: QueuePosition, now: float) -> Reason | None:
    """What its owner or an operator decided, or an agreement about time."""
    job = queue_position.job
    if job.ending is not None:
        said = sentence("It is being ended (%(status)s); nothing of it begins any more.", status=sentence(job.ending))
        return Reason("ending", said, {"status": job.ending})
    if job.status == JobStatus.PAUSED.value:
        return Reason("job_paused", sentence("The job is paused: it goes on when somebody resumes it."))
    if job.project_paused_at is not None:
        return Reason("project_paused", sentence("The project is paused: it goes on when an operator resumes it."))
    if job.flow_paused_at is not None:
        return Reason(
            "flow_paused",
            sentence(
                "The project's %(class_name)s work for %(model)s is paused: somebody has to resume it.",
                class_name=sentence(job.class_name), model=job.model,
            ),
            {"class": job.class_name},
        )  # fmt: skip
    if queue_position.after:
        others = counted(
            "It waits until another job ended.", "It waits until %(count)s other jobs ended.", len(queue_position.after)
        )
        return Reason("after", others, {"after": queue_position.after})
    if job.not_before is not None and job.not_before > now:
        return Reason("not_before", _not_before(job.not_before), {"not_before": job.not_before})
    return None


def _closed(queue_position: QueuePosition) -> Reason | None:
    """Nobody could take it now: paused lanes and pools, a quota, no worker."""
    snapshot, job = queue_position.snapshot, queue_position.job
    if snapshot is None:
        return Reason(
            "no_model",
            sentence("%(model)s is no longer in the catalog of this farm: nothing renders it.", model=job.model),
        )
    if snapshot.paused:
        return Reason(
            "lane_paused",
            sentence("All work for %(lane)s is paused by an operator.", lane=job.lane),
            {"lane": job.lane},
        )
    if not snapshot.pools:
        return Reason("no_pool", sentence("No pool of this farm serves %(model)s.", model=job.model))
    if not snapshot.open_pools:
        names = [pool.name for pool in snapshot.pools]
        said = counted(
            "Pool %(names)s is paused by an operator.", "Pools %(names)s are paused by an operator.", len(names),
            names=", ".join(names),
        )  # fmt: skip
        return Reason("pool_paused", said, {"pools": names})
    most = job.max_running
    if most is not None and queue_position.project_running >= most:
        return Reason(
            "quota",
            sentence(
                "The project may render %(most)s at once, and %(running)s are being rendered: the next begins when one "
                "ends.",
                most=most, running=queue_position.project_running,
            ),
            {"max_running": most, "running": queue_position.project_running},
        )  # fmt: skip
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
            "pool_starting",
            counted(
                "%(count)s worker for %(model)s is starting; the first should be ready in about %(seconds)s s.",
                "%(count)s workers for %(model)s are starting; the first should be ready in about %(seconds)s s.",
                starting, model=model, seconds=f"{min(soon):.0f}",
            ),
            facts,
        )  # fmt: skip
    if facts["quarantined"]:
        return Reason(
            "quarantined",
            sentence(
                "Every worker for %(model)s is quarantined: it fails where others should not, and an operator has to "
                "look at it.",
                model=model,
            ),
            facts,
        )  # fmt: skip
    if facts["draining"]:
        return Reason(
            "draining", sentence("The workers for %(model)s are stopping, and no other is there.", model=model), facts
        )
    if any(pool.scaled for pool in pools):
        return Reason(
            "no_worker",
            sentence("No worker for %(model)s is running; the autoscaler will start one.", model=model),
            facts,
        )
    return Reason(
        "no_worker", sentence("No worker for %(model)s is running: it waits until one is started.", model=model), facts
    )


def _unstored(unstored: Unstored, phase: str | None = None) -> Reason:
    """What runs, or this one render in its phase, cannot be stored."""
    if unstored.renders == 1:
        done = phase == Phase.FINISHING.value
        what = (
            sentence("It is rendered, but cannot be stored")
            if done
            else sentence("It is on its way, but cannot be stored")
        )
    else:
        what = counted(
            "%(count)s of its renders is on its way or rendered, but cannot be stored",
            "%(count)s of its renders are on their way or rendered, but cannot be stored",
            unstored.renders,
        )
    return _storage(what, unstored, {"renders": unstored.renders})


def _nothing_stored(snapshot: LaneSnapshot, model: str) -> Reason | None:
    """There are workers, but nothing that they render could be stored."""
    unstored = snapshot.unstored
    if unstored is None:
        return None
    what = sentence("No worker for %(model)s can store what it renders", model=model)
    return _storage(what, unstored, {"workers": unstored.workers})


def _storage(what: Sentence, unstored: Unstored, facts: dict[str, Any]) -> Reason:
    return Reason(
        "storage",
        sentence(
            "%(what)s: since %(time)s the object storage %(trouble)s. It is tried again all the time.",
            what=what, time=_time(unstored.since), trouble=unstored.said,
        ),
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
        return Reason("next", sentence("A worker is free: it starts in a moment."), facts, 0)
    if before == 0:
        return Reason("next", sentence("It is among the next: it starts when a worker is free."), facts, 0)
    return Reason(
        "before",
        counted(
            "About %(count)s other render will be served first, by %(workers)s.",
            "About %(count)s other renders will be served first, by %(workers)s.",
            before, workers=counted("%(count)s worker", "%(count)s workers", ready),
        ),
        facts, before,
    )  # fmt: skip


def _not_before(at: float) -> Sentence:
    return sentence("It may not start before %(time)s.", time=_time(at))


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
