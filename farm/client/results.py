"""Renders as they end, rather than all of them when the job has."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from itertools import islice

from farm.client.errors import FarmUnreachable, NotRendered
from farm.client.live import LiveEvent, NewPreview, StepProgress
from farm.client.replies import Job, Render


def completed_renders(
    events: Generator[LiveEvent, None, None],
    read_job: Callable[[], Job],
    read_renders: Callable[[], Iterable[Render]],
) -> Generator[Render, None, None]:
    """Each render of a job once it has ended. Events only say when to look; what counts is what is read."""
    given: set[str] = set()
    with closing(events):
        for event in events:
            if isinstance(event, StepProgress | NewPreview):
                continue
            try:
                job = read_job()
            except FarmUnreachable:
                continue  # the stream knows how long to be patient, and beats when the farm is back
            if job.ended or job.ended_renders > len(given):
                for render in read_renders():
                    if render.ended and render.id not in given:
                        given.add(render.id)
                        yield render
            if job.ended:
                return


def only_render(renders: Iterable[Render]) -> Render:
    """The one render of a job. Raises NotRendered for a job of none, or of several."""
    found = list(islice(renders, 2))
    if len(found) != 1:
        raise NotRendered("The job has no render, or several; submit it, and read the pictures of its renders.")
    return found[0]
