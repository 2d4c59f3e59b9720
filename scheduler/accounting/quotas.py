"""Quotas: how much a project may have waiting, running, rendered in a day, and how much money it may spend.

What admission promises: it locks the project's row before it counts, in the transaction that then inserts, so any
number of submissions at once never go over `max_pending`, and never promise more GPU-seconds or money than estimated.
Only projects that have a limit are locked. What was admitted is never taken back: a limit that is lowered, and
estimates that were too low, stop what comes after.
"""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, bindparam, func, literal_column, or_, select, text

from farm.errors import NotFound
from farm.quota_errors import BudgetSpent, QuotaExceeded
from farm.sentences import sentence
from farm.tables import Flow, Job, Pool, Project, Render
from scheduler.accounting.prices import cost
from scheduler.accounting.usage import Used, day_of, midnight_after, spent, used_since

_LIMITS = (Project.max_pending, Project.max_running, Project.gpu_seconds_per_day, Project.budget)
_Limits = Row[int | None, int | None, float | None, float | None, bool]
#: Whether a project has a limit that admission looks at.
LIMITED = or_(Project.max_pending.is_not(None), Project.gpu_seconds_per_day.is_not(None), Project.budget.is_not(None))
_RUNNING: ColumnElement[bool] = Render.status == literal_column("'running'")


@dataclass(frozen=True)
class Waiting:
    """What a project has admitted and not rendered: renders that do not run yet, and estimates of all unfinished."""

    pending: int  # pending, held or drafted
    running: int
    gpu_seconds: float  # estimated, of what has not ended
    money: float  # the same at the dearest pool of its lane


@dataclass(frozen=True)
class QuotaUse:
    """A project's limits (None: no limit) and how much of each is used."""

    max_pending: int | None
    max_running: int | None
    gpu_seconds_per_day: float | None
    budget: float | None
    waiting: Waiting
    today: Used
    spent: Used
    day_ends: float  # seconds since 1970


def check_admission(
    connection: Connection,
    project_id: str,
    *,
    renders: int,
    gpu_seconds: float,
    now: float,
    lane: str | None = None,
) -> None:
    """Let `renders` more of an estimated cost in, in the transaction that inserts them, before it does.

    With the `lane`, what they will cost is held against the budget too. A project without limits costs one read.

    Raises:
        QuotaExceeded: the quota that is used up, with what is used and when it frees.
        BudgetSpent: the money is spent, or promised to work that was admitted before.
    """
    limits = _limits(connection, project_id)
    if limits is None or not limits.limited:
        return
    limits = _limits(connection, project_id, lock=True)
    if limits is None:
        return
    waiting = read_waiting(connection, project_id)
    if limits.max_pending is not None:
        _check_pending(limits.max_pending, waiting, renders, now)
    if limits.gpu_seconds_per_day is not None:
        today = used_since(connection, project_id, day_of(now)).gpu_seconds
        _check_day(limits.gpu_seconds_per_day, today, waiting.gpu_seconds, gpu_seconds, now)
    if limits.budget is not None:
        price = _price(connection, lane) if lane is not None else 0.0
        money = spent(connection, project_id).money
        _check_budget(limits.budget, money, waiting.money, cost(gpu_seconds, price))


def slots(connection: Connection, lane: str) -> dict[str, int]:
    """How many more renders the projects that have a `max_running` may start, by project; others are not listed.

    For the claim, before it chooses: a project with no slots is passed over. Only projects that compete in the lane
    are counted, by ix_renders_running. On PostgreSQL two claims at once wait for each other here, for each project
    with such a limit and no other, so that together they never go over it: a lock until the end of the transaction,
    which a pooler keeps. A farm without such limits pays one read of few rows.
    """
    limited = connection.execute(_LIMITED, {"of_lane": lane}).all()
    if limited and connection.dialect.name == "postgresql":
        for project_id, _ in limited:
            connection.execute(_ONE_AT_A_TIME, {"project": f"max_running {project_id}"})
    return {
        project_id: max(0, (most or 0) - (connection.scalar(_COUNT_RUNNING, {"of_project": project_id}) or 0))
        for project_id, most in limited
    }


def blocked_projects(connection: Connection, lane: str) -> frozenset[str]:
    """The projects that may start nothing more now, as :func:`slots` counts."""
    return frozenset(project_id for project_id, free in slots(connection, lane).items() if not free)


def quota_use(connection: Connection, project_id: str, now: float) -> QuotaUse:
    """The project's limits and use, to be shown. Raises NotFound."""
    limits = _limits(connection, project_id)
    if limits is None:
        raise NotFound("There is no such project.")
    return QuotaUse(
        max_pending=limits.max_pending,
        max_running=limits.max_running,
        gpu_seconds_per_day=limits.gpu_seconds_per_day,
        budget=limits.budget,
        waiting=read_waiting(connection, project_id),
        today=used_since(connection, project_id, day_of(now)),
        spent=spent(connection, project_id),
        day_ends=midnight_after(now),
    )


def read_waiting(connection: Connection, project_id: str) -> Waiting:
    """What the project has admitted and not rendered; from the counters of its unfinished jobs, not from renders."""
    unfinished, gpu_seconds, money = connection.execute(_UNFINISHED, {"of_project": project_id}).one()
    running = connection.scalar(_COUNT_RUNNING, {"of_project": project_id}) or 0
    return Waiting(max(0, int(unfinished) - running), running, float(gpu_seconds), float(money))


_READ_LIMITS = select(*_LIMITS, LIMITED.label("limited")).where(Project.id == bindparam("of_project"))
#: Not the lock of a deletion: that would wait for whoever inserts rows that refer to the project.
_LOCK_LIMITS = _READ_LIMITS.with_for_update(key_share=True)


def _limits(connection: Connection, project_id: str, *, lock: bool = False) -> _Limits | None:
    return connection.execute(_LOCK_LIMITS if lock else _READ_LIMITS, {"of_project": project_id}).one_or_none()


def _check_pending(limit: int, waiting: Waiting, asked: int, now: float) -> None:
    if waiting.pending + asked <= limit:
        return
    when = (
        sentence("it frees as they are rendered or cancelled")
        if asked <= limit
        else sentence("one submission cannot be larger: split it and submit the rest later")
    )
    raise QuotaExceeded(
        f"The project may have {limit:,} renders waiting; {waiting.pending:,} wait, and {asked:,} more were asked "
        f"for; {when}.",
        quota="max_pending",
        limit=limit,
        used=waiting.pending,
        asked=asked,
        now=now,
    )


def _check_day(limit: float, today: float, admitted: float, asked: float, now: float) -> None:
    if today + admitted + asked <= limit:
        return
    frees_at = midnight_after(now) if admitted + asked <= limit else None
    if asked > limit:
        when = sentence("one submission cannot be larger: split it")
    elif frees_at is None:
        when = sentence("what waits fills a whole day already: ask again when some of it is rendered")
    else:
        when = sentence("a new day begins at midnight UTC")
    raise QuotaExceeded(
        f"The project may use {limit:,.0f} GPU-seconds a day; {today:,.0f} are used today, {admitted:,.0f} are "
        f"admitted and not rendered yet (estimated), and {asked:,.0f} more were asked for; {when}.",
        quota="gpu_seconds_per_day",
        limit=limit,
        used=round(today + admitted, 3),
        asked=round(asked, 3),
        frees_at=frees_at,
        now=now,
    )


def _check_budget(budget: float, money: float, committed: float, asked: float) -> None:
    if money + committed < budget and money + committed + asked <= budget:
        return
    raise BudgetSpent(
        f"The project's budget is {budget:,.2f}; {money:,.2f} are spent, {committed:,.2f} will be spent on what was "
        f"accepted before, and this would cost about {asked:,.2f} (estimated). What was accepted goes on; ask an "
        "operator for a larger budget.",
        budget=budget,
        spent=round(money, 4),
        committed=round(committed, 4),
        asked=round(asked, 4),
    )


def _price(connection: Connection, lane: str) -> float:
    return connection.scalar(select(func.max(Pool.price_per_hour)).where(Pool.lane == lane)) or 0.0


def _unfinished() -> Select[int, float, float]:
    """Sums over the project's jobs that go on, by ix_jobs_unfinished: ended jobs, however many, are not read."""
    left = Job.renders_total - Job.renders_done - Job.renders_failed - Job.renders_cancelled - Job.renders_expired
    # Of jobs of a thousand renders of which ten are left, a hundredth of the estimate.
    owed = Job.estimate * left / func.nullif(Job.renders_total, 0)
    price = select(func.max(Pool.price_per_hour)).where(Pool.lane == Job.lane).scalar_subquery()
    project = bindparam("of_project", type_=Project.id.type)
    return select(
        func.coalesce(func.sum(left), 0),
        func.coalesce(func.sum(owed), 0.0),
        func.coalesce(func.sum(cost(owed, func.coalesce(price, 0.0))), 0.0),
    ).where(
        Job.finished_at.is_(None),
        Job.ending.is_(None),
        Job.lane.in_(select(Flow.lane).where(Flow.project_id == project)),
        # Not the bare column: the index of the project's jobs, which holds the ended ones too, would look better.
        func.coalesce(Job.project_id, Job.project_id) == project,
    )


_UNFINISHED = _unfinished()
_COUNT_RUNNING = select(func.count()).select_from(Render).where(_RUNNING, Render.project_id == bindparam("of_project"))
_COMPETES: ColumnElement[bool] = literal_column("flows.backlogged")
_LIMITED = (
    select(Project.id, Project.max_running)
    .where(
        Project.max_running.is_not(None),
        select(Flow.id)
        .where(and_(Flow.project_id == Project.id, Flow.lane == bindparam("of_lane"), _COMPETES))
        .exists(),
    )
    .order_by(Project.id)
)
_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtextextended(:project, 0))")
