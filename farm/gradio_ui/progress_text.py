"""What the page says of a job that goes on: words, a bar, previews."""

from __future__ import annotations

import base64
from html import escape

from farm.client import Job
from farm.gradio_ui.rendering import Rendering


def status_line(rendering: Rendering) -> str:
    """How far a job is, in a line."""
    job = rendering.job
    counts = f"{job.done} of {job.total} done"
    if job.ended:
        return f"{counts}: {job.status}"
    if not rendering.progress.running:
        return f"{counts}, {job.pending} waiting"
    newest = rendering.progress.running[-1]
    return f"{counts}, {job.running} running: {newest.phase}, step {newest.step} of {newest.steps}"


def progress_html(rendering: Rendering) -> str:
    """A bar over the steps of all renders, and what the running ones look like so far."""
    job = rendering.job
    if job.ended:
        return ""
    under_way = sum(word.step / max(1, word.steps) for word in rendering.progress.running)
    bar = f'<progress style="width: 100%" max="{job.total}" value="{job.ended_renders + under_way:.3f}"></progress>'
    return f"<p>{bar}</p><p>{''.join(map(_picture, rendering.previews.values()))}</p>"


def notices_of(job: Job) -> str:
    """What the farm does differently from what one might expect, a line each."""
    return "\n".join(job.notices)


def _picture(webp: bytes) -> str:
    """In the page itself: nothing that others could ask for by its address."""
    data = escape(base64.b64encode(webp).decode())
    return f'<img alt="preview" src="data:image/webp;base64,{data}">'
