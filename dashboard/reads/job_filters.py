"""Which jobs of a project a list holds."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, literal_column, select

from farm.lifecycle import JobStatus
from farm.tables import Flow, Job, Render, RenderTag, User
from farm.verification.second_renders import SecondRenders
from scheduler.gallery.second_renders import listed_jobs

#: A literal: bound, it would hide ix_renders_drafted from a cached plan.
_DRAFTED: ColumnElement[str] = literal_column("'drafted'")


@dataclass(frozen=True)
class JobFilter:
    """All that is given must hold; what is None or empty holds for all. Times in seconds since 1970.

    The walk goes down the index (project_id, id) from the newest job and stops when the page is full. A filter that
    hardly any job passes looks at more of them, at the most at all jobs of the project.
    """

    statuses: tuple[JobStatus, ...] = ()
    models: tuple[str, ...] = ()
    class_name: str | None = None
    user: str | None = None  # who submitted it, by name
    text: str | None = None  # in the title, in capitals or not
    created_after: float | None = None
    created_before: float | None = None
    finished_after: float | None = None
    finished_before: float | None = None
    tags: tuple[str, ...] = ()  # with renders that have them: each tag on at least one
    drafted: bool = False  # with drafts that wait for a choice
    deleted: bool = False  # those that are about to be removed, instead of all others
    verifications: SecondRenders = SecondRenders.WITHOUT  # which deleted ones do not heed: they are to be restored

    def conditions(self) -> list[ColumnElement[bool]]:
        """What a statement asks for; Flow and User are joined."""
        found: list[ColumnElement[bool]] = [Job.delete_at.is_not(None) if self.deleted else Job.delete_at.is_(None)]
        left_out = self.verifications is SecondRenders.WITHOUT
        found += listed_jobs(SecondRenders.WITH if left_out and self.deleted else self.verifications)
        if self.statuses:
            found.append(Job.status.in_([status.value for status in self.statuses]))
        if self.models:
            found.append(Job.model.in_(self.models))
        if self.class_name is not None:
            found.append(Flow.class_name == self.class_name)
        if self.user is not None:
            found.append(User.name == self.user)
        if self.text:
            found.append(Job.title.icontains(self.text, autoescape=True))
        if self.created_after is not None:
            found.append(Job.created_at >= self.created_after)
        if self.created_before is not None:
            found.append(Job.created_at < self.created_before)
        if self.finished_after is not None:
            found.append(Job.finished_at >= self.finished_after)
        if self.finished_before is not None:
            found.append(Job.finished_at < self.finished_before)
        for tag in self.tags:
            # Reads ix_render_tags_project_id_tag.
            tagged = select(Render.job_id).join(RenderTag, RenderTag.render_id == Render.id)
            found.append(Job.id.in_(tagged.where(RenderTag.project_id == Job.project_id, RenderTag.tag == tag)))
        if self.drafted:
            found.append(Job.id.in_(select(Render.job_id).where(Render.status == _DRAFTED)))
        return found


EVERY_JOB = JobFilter()
