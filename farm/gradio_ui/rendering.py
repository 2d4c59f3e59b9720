"""A job of a visitor from its submission to its pictures, told as it goes on."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing, suppress
from dataclasses import dataclass, field

from farm.client import Beat, FarmClient, FarmUnreachable, Job, JobChanged, JobProgress, NewPreview, StepProgress
from farm.errors import FarmError
from farm.gradio_ui.asked import Asked
from farm.gradio_ui.offers import Offer
from farm.gradio_ui.session import Session

#: Running renders whose previews are shown at once.
MOST_PREVIEWS = 4
#: Failed renders whose reasons are said.
_MOST_REASONS = 3


@dataclass
class Rendering:
    """How far a job is. `previews` are small WebPs by the ids of their renders."""

    progress: JobProgress
    previews: dict[str, bytes] = field(default_factory=dict)
    fetched: set[str] = field(default_factory=set)

    @property
    def job(self) -> Job:
        """The job as it was read last."""
        return self.progress.job


def render(farm: FarmClient, session: Session, asked: Asked, offer: Offer) -> Generator[Rendering, None, None]:
    """Submit what was asked, and yield whenever there is news, at last with the job as it ended. Raises FarmError.

    Whoever closes this before its end has left, and the job is cancelled.
    """
    job = farm.submit(asked.model, asked.prompt, **asked.fields(offer))
    session.job_ids.add(job.id)
    try:
        yield from _follow(farm, session, Rendering(JobProgress(job)))
    except GeneratorExit:
        with suppress(FarmError):
            farm.cancel(job.id)
        raise
    finally:
        session.job_ids.discard(job.id)


def reasons(farm: FarmClient, job: Job) -> str:
    """Why what failed of a job did so, in words; empty when nothing did."""
    failed = farm.renders(job.id, status="failed", limit=_MOST_REASONS) if job.failed else ()
    return "\n".join(f"A render failed: {render.reason or 'nobody knows why'}" for render in failed)


def _follow(farm: FarmClient, session: Session, rendering: Rendering) -> Generator[Rendering, None, None]:
    job_id = rendering.job.id
    yield rendering
    with closing(farm.live(job_id)) as events:
        for event in events:
            match event:
                case StepProgress():
                    rendering.progress.note(event)
                case NewPreview():
                    _look(farm, rendering, event.render_id)
                case JobChanged() | Beat():
                    try:
                        rendering.progress.renew(farm.job(job_id))
                    except FarmUnreachable:
                        continue  # the stream knows how long to be patient, and beats when the farm is back
                    _fetch(farm, session, rendering)
            yield rendering
            if rendering.job.ended:
                return


def _look(farm: FarmClient, rendering: Rendering, render_id: str) -> None:
    """Take the newest preview of a render."""
    rendering.previews.pop(render_id, None)
    if picture := farm.preview(render_id):
        rendering.previews[render_id] = picture
    for earliest in list(rendering.previews)[:-MOST_PREVIEWS]:
        del rendering.previews[earliest]


def _fetch(farm: FarmClient, session: Session, rendering: Rendering) -> None:
    """Fetch what is done since the last time."""
    if rendering.job.done <= len(rendering.fetched):
        return
    for done in farm.renders(rendering.job.id, status="done"):
        if done.id not in rendering.fetched:
            rendering.fetched.add(done.id)
            rendering.previews.pop(done.id, None)
            session.fetch(farm, done)
