"""A job of a visitor from its submission to its pictures, told as it goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import dataclass, field

from farm.client import (
    AsyncFarmClient,
    Beat,
    FarmClient,
    FarmUnreachable,
    Job,
    JobChanged,
    JobProgress,
    NewPreview,
    StepProgress,
)
from farm.errors import FarmError
from farm.gradio_ui.job_fields import Asked
from farm.gradio_ui.model_choices import Offer
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


async def render(
    farm: AsyncFarmClient, session: Session, asked: Asked, offer: Offer
) -> AsyncGenerator[Rendering, None]:
    """Submit what was asked, and yield whenever there is news, at last with the job as it ended. Raises FarmError.

    Whoever closes or cancels this before its end has left, and the job is cancelled at once, also one that the farm is
    just accepting.
    """
    submitting = asyncio.ensure_future(farm.submit(asked.model, asked.prompt, **asked.fields(offer)))
    try:
        job = await asyncio.shield(submitting)
        session.job_ids.add(job.id)
        async with aclosing(_follow(farm, session, Rendering(JobProgress(job)))) as news:
            async for rendering in news:
                yield rendering
    except (GeneratorExit, asyncio.CancelledError):
        with suppress(FarmError):
            await farm.cancel((await submitting).id)
        raise
    finally:
        if submitting.done() and not submitting.cancelled() and submitting.exception() is None:
            session.job_ids.discard(submitting.result().id)


def reasons(farm: FarmClient, job: Job) -> str:
    """Why what failed of a job did so, in words; empty when nothing did."""
    failed = farm.renders(job.id, status="failed", limit=_MOST_REASONS) if job.failed else ()
    return "\n".join(f"A render failed: {render.reason or 'nobody knows why'}" for render in failed)


async def _follow(farm: AsyncFarmClient, session: Session, rendering: Rendering) -> AsyncGenerator[Rendering, None]:
    job_id = rendering.job.id
    yield rendering
    async with aclosing(farm.live(job_id)) as events:
        async for event in events:
            match event:
                case StepProgress():
                    rendering.progress.note(event)
                case NewPreview():
                    await _look(farm, rendering, event.render_id)
                case JobChanged() | Beat():
                    try:
                        rendering.progress.renew(await farm.job(job_id))
                    except FarmUnreachable:
                        continue  # the stream knows how long to be patient, and beats when the farm is back
                    await asyncio.to_thread(_fetch, farm.sync, session, rendering)
            yield rendering
            if rendering.job.ended:
                return


async def _look(farm: AsyncFarmClient, rendering: Rendering, render_id: str) -> None:
    """Take the newest preview of a render."""
    rendering.previews.pop(render_id, None)
    if picture := await farm.preview(render_id):
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
