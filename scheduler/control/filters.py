"""Which renders are meant, when many are: by project, job, model, lane, class, state, age, or words of the prompt."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields

from sqlalchemy import ColumnElement, Connection, Select, func, select

from farm.errors import Fault, InvalidRequest
from farm.lifecycle import CANCELLABLE, RenderStatus
from farm.tables import Flow, Job, Render


@dataclass(frozen=True)
class Found:
    """How much a filter found; and of how many of those jobs the rest ends in the background."""

    jobs: int
    renders: int
    ending: int = 0


@dataclass(frozen=True)
class RenderFilter:
    """All that is given must hold; what is None or empty holds for all. Times in seconds since 1970."""

    project_id: str | None = None  # None: an operator, who means every project
    job_ids: tuple[str, ...] = ()
    model: str | None = None
    lane: str | None = None
    class_name: str | None = None
    statuses: tuple[RenderStatus, ...] = ()
    created_before: float | None = None
    created_after: float | None = None
    text: str | None = None  # in the prompt, in capitals or not

    def check(self, allowed: Collection[RenderStatus]) -> None:
        """Raises InvalidRequest when it asks for nothing in particular, or for a state that is not allowed."""
        faults = []
        if not any(getattr(self, field.name) for field in fields(self) if field.name != "project_id"):
            faults.append(Fault("", "say what is meant: a filter that names nothing would mean all there is"))
        for place, status in enumerate(self.statuses):
            if status not in allowed:
                states = ", ".join(sorted(state.value for state in allowed))
                faults.append(Fault(f"/status/{place}", f"must be one of {states}; seen '{status}'"))
        if faults:
            raise InvalidRequest(faults)

    def of_jobs(self) -> list[ColumnElement[bool]]:
        """The conditions on jobs, of which none is being ended already; Flow is joined."""
        conditions: list[ColumnElement[bool]] = [Job.finished_at.is_(None), Job.ending.is_(None)]
        for column, value in (
            (Job.project_id, self.project_id),
            (Job.model, self.model),
            (Job.lane, self.lane),
            (Flow.class_name, self.class_name),
        ):
            if value is not None:
                conditions.append(column == value)
        if self.job_ids:
            conditions.append(Job.id.in_(self.job_ids))
        if self.created_before is not None:
            conditions.append(Job.created_at < self.created_before)
        if self.created_after is not None:
            conditions.append(Job.created_at >= self.created_after)
        return conditions

    def of_renders(self) -> list[ColumnElement[bool]]:
        """The conditions on renders of those jobs."""
        conditions: list[ColumnElement[bool]] = []
        if self.statuses:
            conditions.append(Render.status.in_([status.value for status in self.statuses]))
        if self.text:
            conditions.append(Render.parameters["prompt"].as_string().icontains(self.text, autoescape=True))
        return conditions


def find_jobs(connection: Connection, chosen: RenderFilter) -> Sequence[str]:
    """The unfinished jobs that may hold what is meant, oldest first."""
    return connection.scalars(_jobs(chosen).order_by(Job.id)).all()


def count_found(connection: Connection, chosen: RenderFilter) -> Found:
    """How many jobs and renders that have not ended are meant now."""
    states = [state.value for state in CANCELLABLE]
    row = connection.execute(
        select(func.count(Render.job_id.distinct()), func.count()).where(
            Render.job_id.in_(_jobs(chosen)), Render.status.in_(states), *chosen.of_renders()
        )
    ).one()
    return Found(jobs=row[0], renders=row[1])


def _jobs(chosen: RenderFilter) -> Select[str]:
    return select(Job.id).join(Flow, Flow.id == Job.flow_id).where(*chosen.of_jobs())
